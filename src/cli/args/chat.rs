//! The arguments of `chat`.

use std::path::PathBuf;

use edgefuse::config::{ChatOptions, ReplyOptions, Schema, Texts};

/// Options not set here come from the `chat` step of the device file's pipeline, or its defaults.
#[derive(Debug, clap::Args)]
pub struct Chat {
    /// The message [default: the transcript of --audio; else standard input, one message per line on a terminal]
    #[arg(value_name = "MESSAGE")]
    pub message: Vec<String>,
    /// A picture for the first message (its caption, if the model accepts only text); can be repeated
    #[arg(long, value_name = "FILE")]
    pub image: Vec<PathBuf>,
    /// A recording: its transcript is the first message, or is added to it
    #[arg(long, value_name = "FILE")]
    pub audio: Option<PathBuf>,
    /// Instructions that precede the conversation
    #[arg(long, value_name = "TEXT")]
    pub system: Option<String>,
    /// Maximum number of new tokens per answer [default: the model's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub max_tokens: Option<u32>,
    /// Above 0, sample tokens instead of choosing the most probable; higher is more random [default: 0]
    #[arg(long, value_name = "T")]
    pub temperature: Option<f32>,
    /// Sample from the most probable tokens that together reach probability P [default: 1, off]
    #[arg(long, value_name = "P")]
    pub top_p: Option<f32>,
    /// Sample from tokens at least P times as probable as the most probable one [default: 0, off]
    #[arg(long, value_name = "P")]
    pub min_p: Option<f32>,
    /// Random seed: the same seed produces the same text [default: 0]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// JSON Schema of the answer
    #[arg(long, value_name = "FILE")]
    pub schema: Option<PathBuf>,
    /// An allowed answer; can be repeated, and the answer is one of them
    #[arg(long, value_name = "TEXT", conflicts_with = "schema")]
    pub choice: Vec<String>,
    /// Text that ends an answer; can be repeated
    #[arg(long, value_name = "TEXT")]
    pub stop: Vec<String>,
}

impl Chat {
    /// The device file's options, overridden by the command line.
    pub fn options(&self, device: ChatOptions) -> ChatOptions {
        let given = device.reply;
        let (schema, choices) = match (&self.schema, self.choice.as_slice()) {
            (Some(path), _) => (Some(Schema::File(path.clone())), None),
            (None, []) => (device.schema, device.choices),
            (None, texts) => (None, Some(Texts::List(texts.to_vec()))),
        };
        ChatOptions {
            image: device.image,
            audio: device.audio,
            model: device.model,
            system: self.system.clone().or(device.system),
            prompt: None,
            schema,
            choices,
            reply: ReplyOptions {
                max_tokens: self.max_tokens.map(|tokens| tokens as usize).or(given.max_tokens),
                temperature: self.temperature.unwrap_or(given.temperature),
                top_p: self.top_p.unwrap_or(given.top_p),
                min_p: self.min_p.unwrap_or(given.min_p),
                seed: self.seed.unwrap_or(given.seed),
                stop: if self.stop.is_empty() { given.stop } else { self.stop.clone() },
                ..given
            },
        }
    }
}
