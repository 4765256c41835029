//! The arguments of `match`.

use std::path::PathBuf;

use edgefuse::config::{MatchOptions, Texts};

/// What is not given here is as the `match` step of the device file's pipeline says.
#[derive(Debug, clap::Args)]
pub struct Match {
    /// Pictures, and folders of them
    #[arg(required = true, value_name = "IMAGE")]
    pub images: Vec<PathBuf>,
    /// A text to compare the pictures with; may be given several times
    #[arg(long = "text", value_name = "TEXT")]
    pub text: Vec<String>,
    /// A file with such texts, one a line
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    pub texts: Option<PathBuf>,
    /// Print the embeddings of picture and texts with --format json
    #[arg(long)]
    pub embeddings: bool,
}

impl Match {
    /// The device file's options with what was given on the command line.
    pub fn options(&self, device: MatchOptions) -> MatchOptions {
        let given = match self.text.is_empty() {
            true => self.texts.clone().map(Texts::File),
            false => Some(Texts::List(self.text.clone())),
        };
        MatchOptions { texts: given.or(device.texts), embeddings: self.embeddings || device.embeddings }
    }
}
