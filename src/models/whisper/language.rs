//! Which language is spoken.

use super::Whisper;
use crate::error::Error;
use crate::models::generation::{CrossAttention, softmax};

impl Whisper {
    /// The languages of an encoded window and their probabilities among all, the most probable first
    /// (openai-whisper, `decoding.detect_language`).
    ///
    /// # Errors
    /// [`Error::Request`] for an English-only model; [`Error::Engine`] when the graph fails.
    pub fn detect_language(&mut self, window: &CrossAttention) -> Result<Vec<(String, f32)>, Error> {
        if !self.spec.multilingual {
            return Err(self.cannot("an English-only model detects no language".to_string()));
        }
        let tokens = &self.spec.tokens;
        let logits = self.decoder.start(window)?.feed(&[tokens.start_of_transcript])?;
        let logits = logits.row(0);
        let mut probabilities: Vec<f32> = tokens.languages.values().map(|&token| logits[token as usize]).collect();
        softmax(&mut probabilities);
        let mut languages: Vec<(String, f32)> = tokens.languages.keys().cloned().zip(probabilities).collect();
        languages.sort_by(|a, b| b.1.total_cmp(&a.1));
        Ok(languages)
    }
}
