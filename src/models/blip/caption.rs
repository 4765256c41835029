//! Captions: transformers' `BlipForConditionalGeneration.generate`.

use super::{Blip, EncodedImage};
use crate::config::CaptionOptions;
use crate::error::Error;
use crate::models::generation::{Generated, Request, generate};
use crate::models::vocabulary::Vocabulary;

/// A caption of a picture.
#[derive(Debug, Clone)]
pub struct Caption {
    /// The caption, with the prompt it continues.
    pub text: String,
    /// Its tokens after `[DEC]`, without the end token.
    pub tokens: Vec<i64>,
    /// Log-probability (natural logarithm) that the model gives what it wrote, the end token counted where it came.
    pub log_probability: f32,
    /// What captions are compared by: the log-probability over `length ^ length_penalty`, as penalties left it in beam
    /// search (`sequences_scores` of transformers).
    pub score: f32,
    /// The execution provider of the decoder.
    pub provider: &'static str,
}

impl Caption {
    /// Captions of what was `written` behind the tokens that were `given`.
    ///
    /// # Errors
    /// [`Error::Input`] when the vocabulary cannot read the tokens.
    pub(in crate::models) fn all(
        given: &[i64],
        written: Vec<Generated>,
        vocabulary: &Vocabulary,
        provider: &'static str,
    ) -> Result<Vec<Self>, Error> {
        let captions = written.into_iter().map(|written| {
            let tokens = [given, &written.tokens].concat();
            Ok(Self {
                text: vocabulary.decode(&tokens)?,
                tokens,
                log_probability: written.log_probability,
                score: written.score.unwrap_or(written.log_probability),
                provider,
            })
        });
        captions.collect()
    }
}

impl Blip {
    /// Captions a picture; with a prompt, continues it. As many captions as `options` says, the best first.
    ///
    /// # Errors
    /// [`Error::Request`] when the model does not caption; [`Error::Input`] when the prompt is too long;
    /// [`Error::Engine`] when a graph fails.
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
            let problem = format!("the prompt has {} tokens; the model takes fewer than {positions}", prompt.len());
            return Err(Error::Input { problem });
        }
        let limit = options.search.max_tokens.unwrap_or(self.spec.generation.caption_max_tokens);
        let request = Request {
            prompt: &prompt,
            end: tokens.end,
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
