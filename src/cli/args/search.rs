//! The search arguments of `caption` and `ask`, which override the device file's options.

use clap::ValueEnum;
use edgefuse::config::{SearchOptions, StopEarly};

/// Options not set here come from the step in the device file's pipeline, or its defaults.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Search")]
pub struct Search {
    /// Maximum number of new tokens [default: the model's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub max_tokens: Option<u32>,
    /// Minimum number of new tokens [default: 0]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=4096))]
    pub min_tokens: Option<u32>,
    /// Beam width; 1 is greedy search [default: 1]
    #[arg(long, value_name = "N")]
    pub beams: Option<usize>,
    /// Beam search ranks texts by log-probability / length^P [default: 1]
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub length_penalty: Option<f32>,
    /// Stop beam search once as many hypotheses have finished as there are beams; =never: only once none can improve
    /// [default: false]
    #[arg(long, value_enum, hide_default_value = true, num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    pub early_stopping: Option<StopEarlyArgument>,
    /// Above 1, makes tokens that already occurred less likely [default: 1]
    #[arg(long, value_name = "P")]
    pub repetition_penalty: Option<f32>,
    /// No n-gram of N tokens occurs twice [default: 0, off]
    #[arg(long, value_name = "N")]
    pub no_repeat_ngram_size: Option<usize>,
    /// Above 0, sample tokens instead of choosing the most probable; higher is more random [default: 0]
    #[arg(long, value_name = "T")]
    pub temperature: Option<f32>,
    /// Sample from the K most probable tokens; 0 is off [default: 50]
    #[arg(long, value_name = "K")]
    pub top_k: Option<usize>,
    /// Sample from the most probable tokens that together reach probability P [default: 1, off]
    #[arg(long, value_name = "P")]
    pub top_p: Option<f32>,
    /// Random seed: the same seed produces the same text [default: 0]
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
    /// The device file's options, overridden by the command line.
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
