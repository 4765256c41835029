//! Greedy search: always the most probable token.

use super::decoder::Decoding;
use super::logits::{LogitsRule, argmax, log_probability};
use crate::engine::EngineError;

/// What a search wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct Generated {
    /// The tokens, without prompt and without the end token.
    pub tokens: Vec<i64>,
    /// Sum of the log-probabilities (natural logarithm) of the tokens, with that of the end token where it came.
    pub log_probability: f32,
    /// Whether the end token came; otherwise the limit was reached.
    pub ended: bool,
}

impl Generated {
    /// Log-probability a token, the end token counted, as openai-whisper's `avg_logprob`.
    pub fn average_log_probability(&self) -> f32 {
        self.log_probability / (self.tokens.len() + 1) as f32
    }
}

/// Writes tokens until `end` or `limit` of them. `logits` are those that followed the prompt, `rules` are applied to
/// every step's logits in order.
///
/// # Errors
/// [`EngineError`] when the graph fails.
pub fn greedy(
    decoding: &mut Decoding,
    mut logits: Vec<f32>,
    rules: &[&dyn LogitsRule],
    end: i64,
    limit: usize,
) -> Result<Generated, EngineError> {
    let mut generated = Generated { tokens: Vec::new(), log_probability: 0.0, ended: false };
    while generated.tokens.len() < limit {
        rules.iter().for_each(|rule| rule.apply(&mut logits, &generated.tokens));
        let best = argmax(&logits);
        generated.log_probability += log_probability(&logits, best);
        let token = best as i64;
        if token == end {
            generated.ended = true;
            break;
        }
        generated.tokens.push(token);
        if generated.tokens.len() < limit {
            logits = decoding.feed(&[token])?;
        }
    }
    Ok(generated)
}
