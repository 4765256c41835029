//! The fields of a request that say how an answer is written.

use edgefuse::config::{ChatOptions, Form, ReplyOptions};
use serde::Deserialize;

use crate::serve::http::failure::Failure;
use crate::serve::http::json::or_default;

/// Maximum number of alternatives to each token, as in OpenAI's API.
const MOST_ALTERNATIVES: usize = 20;

/// Fields with the same names in chats and completions. Others, such as penalties, have no effect.
#[derive(Debug, Default, Deserialize)]
pub struct Sampling {
    pub max_tokens: Option<usize>,
    pub max_completion_tokens: Option<usize>,
    pub temperature: Option<f32>,
    pub top_p: Option<f32>,
    pub min_p: Option<f32>,
    pub seed: Option<i64>,
    pub stop: Option<Stop>,
    #[serde(default, deserialize_with = "or_default")]
    pub stream: bool,
    pub stream_options: Option<StreamOptions>,
}

/// One text, or several.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "`stop` must be a text or a list of texts")]
pub enum Stop {
    One(String),
    Several(Vec<String>),
}

#[derive(Debug, Default, Deserialize)]
pub struct StreamOptions {
    #[serde(default, deserialize_with = "or_default")]
    include_usage: bool,
}

impl Sampling {
    /// The options of the device file's `chat` step, with those of the request.
    pub fn options(
        self,
        device: &ChatOptions,
        alternatives: Option<usize>,
        form: Option<Form>,
    ) -> Result<ReplyOptions, Failure> {
        let given = device.reply.clone();
        let alternatives = alternatives.unwrap_or(0);
        if alternatives > MOST_ALTERNATIVES {
            return Err(Failure::field("top_logprobs", format!("{alternatives} is more than {MOST_ALTERNATIVES}")));
        }
        let options = ReplyOptions {
            max_tokens: self.max_completion_tokens.or(self.max_tokens).or(given.max_tokens),
            temperature: self.temperature.unwrap_or(given.temperature),
            top_p: self.top_p.unwrap_or(given.top_p),
            min_p: self.min_p.unwrap_or(given.min_p),
            seed: self.seed.map_or(given.seed, |seed| seed as u64),
            stop: match self.stop {
                None => given.stop,
                Some(Stop::One(text)) => vec![text],
                Some(Stop::Several(texts)) => texts,
            },
            truncate: given.truncate,
            alternatives,
            form,
        };
        options.check().map_err(Failure::invalid)?;
        Ok(options)
    }

    /// Whether a stream ends with the number of tokens.
    pub fn streams_usage(&self) -> bool {
        self.stream_options.as_ref().is_some_and(|options| options.include_usage)
    }
}
