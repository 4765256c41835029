//! The arguments of `ask`.

use std::path::PathBuf;

use edgefuse::config::{AskOptions, Question, Texts};

use super::search::Search;

/// What is not given here is as the `ask` step of the device file's pipeline says, or as the defaults there.
#[derive(Debug, clap::Args)]
pub struct Ask {
    /// The picture
    #[arg(value_name = "IMAGE")]
    pub image: PathBuf,
    /// The question, or several: the picture is looked at once
    #[arg(value_name = "QUESTION", required_unless_present = "audio")]
    pub questions: Vec<String>,
    /// A recording of the question
    #[arg(long, value_name = "FILE", conflicts_with = "questions")]
    pub audio: Option<PathBuf>,
    /// Choose the most probable of the answers in this file, one a line, instead of writing one
    #[arg(long, value_name = "FILE")]
    pub answers: Option<PathBuf>,
    /// Of a list of answers, give so many of the most probable [default: the best as text, all as JSON]
    #[arg(long, value_name = "N")]
    pub top: Option<usize>,
    #[command(flatten)]
    pub search: Search,
}

impl Ask {
    /// The device file's options with what was given on the command line.
    pub fn options(&self, device: AskOptions) -> AskOptions {
        AskOptions {
            question: Question::Any,
            answers: self.answers.clone().map(Texts::File).or(device.answers),
            top: self.top.or(device.top),
            search: self.search.options(device.search),
        }
    }
}
