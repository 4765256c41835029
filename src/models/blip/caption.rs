//! Captions: transformers' `BlipForConditionalGeneration.generate`.

use super::{Blip, EncodedImage};
use crate::error::Error;
use crate::models::generation::{Search, best, greedy};

/// A caption of a picture.
#[derive(Debug, Clone)]
pub struct Caption {
    /// The caption, with the prompt it continues.
    pub text: String,
    /// Its tokens after `[DEC]`, without the end token.
    pub tokens: Vec<i64>,
    /// The execution provider of the decoder.
    pub provider: &'static str,
}

impl Blip {
    /// Captions a picture; with a prompt, continues it. At most `max_tokens` new tokens, or the model's own limit.
    ///
    /// # Errors
    /// [`Error::Request`] when the model does not caption; [`Error::Input`] when the prompt is too long;
    /// [`Error::Engine`] when a graph fails.
    pub fn caption(
        &mut self,
        image: &EncodedImage,
        prompt: Option<&str>,
        max_tokens: Option<usize>,
    ) -> Result<Caption, Error> {
        self.prepare_captions()?;
        let tokens = &self.spec.tokens;
        // The tokenizer's [CLS] is replaced by [DEC] and its [SEP] cut off, as `generate` does with a prompt.
        let mut fed = vec![tokens.start];
        if let Some(prompt) = prompt.map(str::trim).filter(|prompt| !prompt.is_empty()) {
            fed.extend(self.vocabulary.encode(prompt, false)?);
        }
        let positions = self.spec.generation.max_question_tokens;
        if fed.len() >= positions {
            let problem = format!("the prompt has {} tokens; the model takes fewer than {positions}", fed.len());
            return Err(Error::Input { problem });
        }
        let limit = max_tokens.unwrap_or(self.spec.generation.caption_max_tokens).min(positions - fed.len());

        let Some(decoder) = &mut self.caption_decoder else { return Err(self.not_prepared()) };
        let mut decoding = decoder.start(&image.caption_cross)?;
        let logits = decoding.feed(&fed)?;
        let generated = best(greedy(&mut decoding, logits, &Search { rules: &[], end: tokens.end, limit })?, None);
        let mut written = fed.split_off(1);
        written.extend(generated.tokens);
        Ok(Caption { text: self.vocabulary.decode(&written)?, tokens: written, provider: decoder.provider() })
    }
}
