//! Answers: transformers' `BlipForQuestionAnswering.generate`, and the most probable of several candidate answers.

use super::Blip;
use crate::config::SearchOptions;
use crate::engine::Tensor;
use crate::error::Error;
use crate::models::generation::{CrossAttention, TextRequest, generate, log_probabilities};
use crate::models::picture::{Answer, Candidates, EncodedImage, RankedAnswer};

impl Blip {
    /// Answers a question about a picture.
    ///
    /// # Errors
    /// [`Error::Request`] if the model does not answer questions; [`Error::Input`] if the question is empty or
    /// too long; [`Error::Engine`] if a graph fails.
    pub fn answer(&self, image: &EncodedImage, question: &str, options: &SearchOptions) -> Result<Answer, Error> {
        let cross = self.encode_question(image, question)?;
        let Some(decoder) = self.answer_decoder.get() else { return Err(self.not_prepared()) };
        let tokens = &self.spec.tokens;
        let positions = self.spec.generation.max_question_tokens;
        let limit = options.max_tokens.unwrap_or(self.spec.generation.answer_max_tokens);
        let request =
            TextRequest { prompt: &[tokens.start], ends: &[tokens.end], limit: limit.min(positions - 1), count: 1 };
        let written = generate(decoder, &cross, &request, options)?.into_iter().next();
        let provider = decoder.provider();
        let (tokens, log_probability) = written.map(|it| (it.tokens, it.log_probability)).unwrap_or_default();
        Ok(Answer { text: self.vocabulary.decode(&tokens)?, tokens, log_probability, provider })
    }

    /// Prepares candidate answers for [`Blip::rank`]. Answers that tokenize alike (`Red` and `red`, say) count once;
    /// answers without any known token are left out. Each case logs a warning.
    ///
    /// # Errors
    /// [`Error::Request`] if an answer is too long, or no answer is left.
    pub fn candidates(&self, texts: &[String]) -> Result<Candidates, Error> {
        let most = self.spec.generation.max_question_tokens - 1;
        Candidates::read(texts, most, self.name(), |text| self.vocabulary.encode(text, false))
    }

    /// Probabilities of the candidate answers, most probable first.
    ///
    /// # Errors
    /// As [`Blip::answer`].
    pub fn rank(
        &self,
        image: &EncodedImage,
        question: &str,
        candidates: &Candidates,
    ) -> Result<Vec<RankedAnswer>, Error> {
        let cross = self.encode_question(image, question)?;
        let Some(decoder) = self.answer_decoder.get() else { return Err(self.not_prepared()) };
        let tokens = &self.spec.tokens;
        let found = log_probabilities(decoder, &cross, &[tokens.start], tokens.end, candidates.tokens())?;
        Ok(RankedAnswer::ranked(found))
    }

    /// Execution provider of the answer decoder, or of the vision encoder until the answer decoder is loaded.
    pub fn answer_provider(&self) -> &'static str {
        self.answer_decoder.get().map_or(self.provider(), |decoder| decoder.provider())
    }

    /// What the answer decoder attends to.
    fn encode_question(&self, image: &EncodedImage, question: &str) -> Result<CrossAttention, Error> {
        let question = question.trim();
        if question.is_empty() {
            return Err(Error::Input { problem: "the question is empty".to_string() });
        }
        let ids = self.vocabulary.encode(question, true)?;
        let positions = self.spec.generation.max_question_tokens;
        if ids.len() > positions {
            let problem = format!("the question has {} tokens; the model accepts up to {positions}", ids.len());
            return Err(Error::Input { problem });
        }
        self.prepare_answers()?;
        let (Some(encoder), Some(embeddings)) = (self.question_encoder.get(), &image.embeddings) else {
            return Err(self.not_prepared());
        };
        let ids = Tensor::integer(ndarray::Array2::from_shape_fn((1, ids.len()), |(_, at)| ids[at]))?;
        let mut outputs = encoder.run(&[("input_ids", &[ids]), ("image_embeds", std::slice::from_ref(embeddings))])?;
        Ok(CrossAttention::take(&mut outputs))
    }
}
