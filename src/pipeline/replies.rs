//! What the step `chat` returns.

use serde::{Deserialize, Serialize};

use crate::models::chat::{Finish, Reply};

/// A language model's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReplyText {
    /// The text.
    pub text: String,
    /// Why it ended: `stop`, or `length` if it reached the maximum number of tokens.
    pub finish: Finish,
    /// Number of tokens of the prompt.
    pub prompt_tokens: usize,
    /// Number of tokens of the text.
    pub tokens: usize,
    /// Sum of the log-probabilities (natural logarithm) of its tokens, if the model reports them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_probability: Option<f32>,
    /// Milliseconds until the first token.
    pub first_token_ms: f64,
    /// Tokens per second after the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_second: Option<f64>,
}

impl From<&Reply> for ReplyText {
    fn from(reply: &Reply) -> Self {
        let rounded = |value: f64| (value * 10.0).round() / 10.0;
        ReplyText {
            text: reply.text.clone(),
            finish: reply.finish,
            prompt_tokens: reply.prompt_tokens,
            tokens: reply.written,
            log_probability: (!reply.tokens.is_empty() || reply.written == 0)
                .then(|| reply.tokens.iter().map(|token| token.log_probability).sum()),
            first_token_ms: rounded(reply.first_token.as_secs_f64() * 1e3),
            tokens_per_second: reply.decode_rate().map(rounded),
        }
    }
}
