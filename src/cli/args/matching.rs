//! The arguments of `match`.

use std::path::PathBuf;

use edgefuse::config::{MatchOptions, Texts};

/// Options not set here come from the `match` step of the device file's pipeline.
#[derive(Debug, clap::Args)]
pub struct Match {
    /// Pictures, or folders of pictures
    #[arg(required = true, value_name = "IMAGE")]
    pub images: Vec<PathBuf>,
    /// A text to compare the pictures with; can be repeated
    #[arg(long = "text", value_name = "TEXT")]
    pub text: Vec<String>,
    /// A file of such texts, one per line
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    pub texts: Option<PathBuf>,
    /// Include the embeddings of picture and texts with --format json
    #[arg(long)]
    pub embeddings: bool,
}

impl Match {
    /// The device file's options, overridden by the command line.
    pub fn options(&self, device: MatchOptions) -> MatchOptions {
        let given = match self.text.is_empty() {
            true => self.texts.clone().map(Texts::File),
            false => Some(Texts::List(self.text.clone())),
        };
        MatchOptions {
            model: device.model,
            texts: given.or(device.texts),
            embeddings: self.embeddings || device.embeddings,
        }
    }
}
