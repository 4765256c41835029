//! Answers: transformers' `BlipForQuestionAnswering.generate`.

use ndarray::Array2;

use super::{Blip, EncodedImage};
use crate::engine::Tensor;
use crate::error::Error;
use crate::models::generation::{CrossAttention, Search, best, greedy};

/// An answer to a question about a picture.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The answer.
    pub text: String,
    /// Its tokens, without `[DEC]` and the end token.
    pub tokens: Vec<i64>,
    /// Probability of exactly this answer, in [0, 1].
    pub confidence: f32,
    /// The execution provider of the decoder.
    pub provider: &'static str,
}

impl Blip {
    /// Answers a question about a picture, in at most `max_tokens` new tokens, or the model's own limit.
    ///
    /// # Errors
    /// [`Error::Request`] when the model does not answer questions; [`Error::Input`] when the question is empty or
    /// too long; [`Error::Engine`] when a graph fails.
    pub fn answer(&mut self, image: &EncodedImage, question: &str, max_tokens: Option<usize>) -> Result<Answer, Error> {
        let question = question.trim();
        if question.is_empty() {
            return Err(Error::Input { problem: "the question is empty".to_string() });
        }
        let ids = self.vocabulary.encode(question, true)?;
        let positions = self.spec.generation.max_question_tokens;
        if ids.len() > positions {
            let problem = format!("the question has {} tokens; the model takes {positions}", ids.len());
            return Err(Error::Input { problem });
        }
        self.prepare_answers()?;
        let (Some(encoder), Some(decoder)) = (&mut self.question_encoder, &mut self.answer_decoder) else {
            return Err(self.not_prepared());
        };

        let Some(embeddings) = &image.embeddings else { return Err(self.not_prepared()) };
        let ids = Tensor::integer(Array2::from_shape_fn((1, ids.len()), |(_, at)| ids[at]))?;
        let mut outputs = encoder.run(&[("input_ids", &[ids]), ("image_embeds", std::slice::from_ref(embeddings))])?;
        let cross = CrossAttention::take(&mut outputs);
        let tokens = &self.spec.tokens;
        let mut decoding = decoder.start(&cross)?;
        let logits = decoding.feed(&[tokens.start])?;
        let limit = max_tokens.unwrap_or(self.spec.generation.answer_max_tokens).min(positions - 1);
        let generated = best(greedy(&mut decoding, logits, &Search { rules: &[], end: tokens.end, limit })?, None);
        Ok(Answer {
            text: self.vocabulary.decode(&generated.tokens)?,
            confidence: generated.log_probability.exp(),
            tokens: generated.tokens,
            provider: decoder.provider(),
        })
    }
}
