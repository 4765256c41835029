//! Rules on the logits of the next token.
//!
//! From transformers' `generation/logits_process.py`, in the order in which `generate` applies them:
//! [`RepetitionPenalty`], [`NoRepeatNgram`], [`MinTokens`]; for sampling also [`Temperature`], [`TopK`],
//! [`TopP`], [`MinP`]. openai-whisper uses [`Suppress`] and [`SuppressFirst`] as well.

mod min_p;
mod min_tokens;
mod no_repeat_ngram;
mod repetition;
mod suppress;
mod temperature;
mod top_k;
mod top_p;

pub use min_p::MinP;
pub use min_tokens::MinTokens;
pub use no_repeat_ngram::NoRepeatNgram;
pub use repetition::RepetitionPenalty;
pub use suppress::{Suppress, SuppressFirst};
pub use temperature::Temperature;
pub use top_k::TopK;
pub use top_p::TopP;

/// Changes the logits of the next token, `[vocabulary]`; a forbidden token gets minus infinity.
pub trait LogitsRule {
    /// `generated` holds the tokens generated so far, without the prompt.
    fn apply(&self, logits: &mut [f32], generated: &[i64]);
}

/// The logit of a token; `None` if it is outside the vocabulary.
fn logit(logits: &mut [f32], token: i64) -> Option<&mut f32> {
    usize::try_from(token).ok().and_then(|token| logits.get_mut(token))
}

/// Forbids `tokens`.
fn forbid(logits: &mut [f32], tokens: &[i64]) {
    for &token in tokens {
        if let Some(logit) = logit(logits, token) {
            *logit = f32::NEG_INFINITY;
        }
    }
}
