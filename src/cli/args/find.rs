//! The arguments of `index`, `search` and `align`.

use std::path::PathBuf;
use std::time::Duration;

/// What is added to an index.
#[derive(Debug, clap::Args)]
pub struct Index {
    /// Pictures, sounds, films, folders of them, and .jsonl manifests
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// Folder of the index, which is created if it does not exist
    #[arg(long, value_name = "FOLDER")]
    pub into: PathBuf,
    /// Remove files from the index that no longer exist below the inputs
    #[arg(long)]
    pub prune: bool,
    /// Time between two frames of a film, such as 1s [default: the first frame of each scene]
    #[arg(long, value_name = "TIME", value_parser = edgefuse::config::parse_span)]
    pub every: Option<Duration>,
}

/// What is searched for.
#[derive(Debug, clap::Args)]
#[group(skip)]
#[command(group(clap::ArgGroup::new("question").required(true).multiple(true)))]
pub struct Search {
    /// Folder of the index
    #[arg(value_name = "INDEX")]
    pub index: PathBuf,
    /// The text to search for: what is seen or said
    #[arg(value_name = "TEXT", group = "question")]
    pub text: Option<String>,
    /// A picture: search for similar ones
    #[arg(long, value_name = "FILE", group = "question")]
    pub image: Option<PathBuf>,
    /// A sound: search for what is said in it, and for similar sounds if the model embeds sounds
    #[arg(long, value_name = "FILE", group = "question")]
    pub audio: Option<PathBuf>,
    /// Maximum number of results, up to 1000
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub top: usize,
    /// Return only items that match this condition, such as 'kind = picture and time >= yesterday and path ~ *.jpg'
    #[arg(long = "where", value_name = "FILTER")]
    pub filter: Option<String>,
}

/// A film and a text.
#[derive(Debug, clap::Args)]
pub struct Align {
    /// The film
    #[arg(value_name = "FILM")]
    pub film: PathBuf,
    /// The text: a file in UTF-8, in which lines and full stops end sentences
    #[arg(value_name = "TEXT")]
    pub script: PathBuf,
    /// Time between two compared moments of the film [default: 500ms]
    #[arg(long, value_name = "TIME", value_parser = edgefuse::config::parse_span)]
    pub every: Option<Duration>,
}
