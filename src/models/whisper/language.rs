//! Which language is spoken.

use super::Whisper;
use crate::error::Error;
use crate::models::generation::{CrossAttention, argmax, softmax};

impl Whisper {
    /// The most probable language of an encoded window and its probability among the languages
    /// (openai-whisper, `decoding.detect_language`).
    ///
    /// # Errors
    /// [`Error::Request`] for an English-only model; [`Error::Engine`] when the graph fails.
    pub fn detect_language(&mut self, window: &CrossAttention) -> Result<(String, f32), Error> {
        if !self.spec.multilingual {
            return Err(self.cannot("an English-only model detects no language".to_string()));
        }
        let tokens = &self.spec.tokens;
        let logits = self.decoder.start(window)?.feed(&[tokens.start_of_transcript])?;
        let known: Vec<(&String, usize)> =
            tokens.languages.iter().map(|(code, &token)| (code, token as usize)).collect();
        let mut probabilities: Vec<f32> = known.iter().map(|&(_, token)| logits[token]).collect();
        softmax(&mut probabilities);
        let best = argmax(&probabilities);
        Ok((known[best].0.clone(), probabilities[best]))
    }
}
