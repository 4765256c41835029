//! The arguments of a search for a text, and what they change in the device file's options.

use clap::ValueEnum;
use edgefuse::config::{SearchOptions, StopEarly};

/// What is not given here is as the step of the device file's pipeline says, or as the defaults there.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Search")]
pub struct Search {
    /// Most tokens that are written [default: the model's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub max_tokens: Option<u32>,
    /// Fewest tokens that are written [default: 0]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=4096))]
    pub min_tokens: Option<u32>,
    /// Texts that beam search goes on with; 1 is greedy search [default: 1]
    #[arg(long, value_name = "N")]
    pub beams: Option<usize>,
    /// Beam search compares texts by their log-probability over their length to this power [default: 1]
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub length_penalty: Option<f32>,
    /// Beam search stops when as many texts have ended as there are beams, or never before nothing can get better
    /// [default: false]
    #[arg(long, value_enum, hide_default_value = true, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub early_stopping: Option<StopEarlyArgument>,
    /// Above 1, tokens that were there come less easily [default: 1]
    #[arg(long, value_name = "P")]
    pub repetition_penalty: Option<f32>,
    /// No run of so many tokens comes twice [default: 0, off]
    #[arg(long, value_name = "N")]
    pub no_repeat_ngram_size: Option<usize>,
    /// Draw tokens instead of taking the most probable; the improbable ones more often the higher it is [default: 0]
    #[arg(long, value_name = "T")]
    pub temperature: Option<f32>,
    /// Draw from so many of the most probable tokens; 0 is off [default: 50]
    #[arg(long, value_name = "K")]
    pub top_k: Option<usize>,
    /// Draw from the most probable tokens that together have this probability [default: 1, off]
    #[arg(long, value_name = "P")]
    pub top_p: Option<f32>,
    /// Start of the random numbers: the same seed gives the same text [default: 0]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum StopEarlyArgument {
    False,
    True,
    Never,
}

impl Search {
    /// The device file's options with what was given on the command line.
    pub fn options(&self, device: SearchOptions) -> SearchOptions {
        SearchOptions {
            max_tokens: self.max_tokens.map(|tokens| tokens as usize).or(device.max_tokens),
            min_tokens: self.min_tokens.map_or(device.min_tokens, |tokens| tokens as usize),
            beams: self.beams.unwrap_or(device.beams),
            length_penalty: self.length_penalty.unwrap_or(device.length_penalty),
            early_stopping: self.early_stopping.map_or(device.early_stopping, StopEarly::from),
            repetition_penalty: self.repetition_penalty.unwrap_or(device.repetition_penalty),
            no_repeat_ngram_size: self.no_repeat_ngram_size.unwrap_or(device.no_repeat_ngram_size),
            temperature: self.temperature.unwrap_or(device.temperature),
            top_k: self.top_k.unwrap_or(device.top_k),
            top_p: self.top_p.unwrap_or(device.top_p),
            seed: self.seed.unwrap_or(device.seed),
        }
    }
}

impl From<StopEarlyArgument> for StopEarly {
    fn from(argument: StopEarlyArgument) -> Self {
        match argument {
            StopEarlyArgument::False => StopEarly::No,
            StopEarlyArgument::True => StopEarly::Yes,
            StopEarlyArgument::Never => StopEarly::Never,
        }
    }
}
