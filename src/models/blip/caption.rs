//! Captions: transformers' `BlipForConditionalGeneration.generate`.

use super::Blip;
use crate::config::CaptionOptions;
use crate::error::Error;
use crate::models::generation::{TextRequest, generate};
use crate::models::picture::{Caption, EncodedImage};

impl Blip {
    /// Captions a picture; a prompt is continued. Returns as many captions as `options` asks for, best first.
    ///
    /// # Errors
    /// [`Error::Request`] if the model does not caption; [`Error::Input`] if the prompt is too long;
    /// [`Error::Engine`] if a graph fails.
    pub fn caption(&self, image: &EncodedImage, options: &CaptionOptions) -> Result<Vec<Caption>, Error> {
        self.prepare_captions()?;
        let tokens = &self.spec.tokens;
        // The tokenizer's [CLS] is replaced by [DEC] and its [SEP] cut off, as `generate` does with a prompt.
        let mut prompt = vec![tokens.start];
        if let Some(text) = options.prompt.as_deref().map(str::trim).filter(|text| !text.is_empty()) {
            prompt.extend(self.vocabulary.encode(text, false)?);
        }
        let positions = self.spec.generation.max_question_tokens;
        if prompt.len() >= positions {
            let problem = format!("the prompt has {} tokens; the model accepts fewer than {positions}", prompt.len());
            return Err(Error::Input { problem });
        }
        let limit = options.search.max_tokens.unwrap_or(self.spec.generation.caption_max_tokens);
        let request = TextRequest {
            prompt: &prompt,
            ends: &[tokens.end],
            limit: limit.min(positions - prompt.len()),
            count: options.captions,
        };
        let (Some(decoder), Some(cross)) = (self.caption_decoder.get(), &image.caption_cross) else {
            return Err(self.not_prepared());
        };
        let written = generate(decoder, cross, &request, &options.search)?;
        let provider = decoder.provider();
        Caption::all(&prompt[1..], written, &self.vocabulary, provider)
    }
}
