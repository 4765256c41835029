//! The arguments of `ask`.

use std::path::PathBuf;

use edgefuse::config::{AskOptions, Question, Texts};

use super::search::Search;

/// Options not set here come from the `ask` step of the device file's pipeline, or its defaults.
#[derive(Debug, clap::Args)]
pub struct Ask {
    /// The picture
    #[arg(value_name = "IMAGE")]
    pub image: PathBuf,
    /// One or more questions; the picture is encoded once
    #[arg(value_name = "QUESTION", required_unless_present = "audio")]
    pub questions: Vec<String>,
    /// A recording of the question
    #[arg(long, value_name = "FILE", conflicts_with = "questions")]
    pub audio: Option<PathBuf>,
    /// Choose the most probable answer from this file (one per line) instead of generating one
    #[arg(long, value_name = "FILE")]
    pub answers: Option<PathBuf>,
    /// Print the N most probable of --answers [default: one as text, all as JSON]
    #[arg(long, value_name = "N")]
    pub top: Option<usize>,
    #[command(flatten)]
    pub search: Search,
}

impl Ask {
    /// The device file's options, overridden by the command line.
    pub fn options(&self, device: AskOptions) -> AskOptions {
        AskOptions {
            model: device.model,
            question: Question::Any,
            answers: self.answers.clone().map(Texts::File).or(device.answers),
            top: self.top.or(device.top),
            search: self.search.options(device.search),
        }
    }
}
