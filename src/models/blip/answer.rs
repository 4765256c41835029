//! Answers: transformers' `BlipForQuestionAnswering.generate`, and the most probable answer of a list.

use std::collections::HashMap;

use super::{Blip, EncodedImage};
use crate::config::SearchOptions;
use crate::engine::Tensor;
use crate::error::Error;
use crate::models::generation::{CrossAttention, Request, generate, log_probabilities, softmax};

/// An answer to a question about a picture.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The answer.
    pub text: String,
    /// Its tokens, without `[DEC]` and the end token.
    pub tokens: Vec<i64>,
    /// Log-probability (natural logarithm) of exactly this answer, the end token counted where it came.
    pub log_probability: f32,
    /// The execution provider of the decoder.
    pub provider: &'static str,
}

/// An answer of a list, with how probable it is.
#[derive(Debug, Clone, PartialEq)]
pub struct RankedAnswer {
    /// Its place in [`Candidates::texts`].
    pub candidate: usize,
    /// Log-probability (natural logarithm) of exactly this answer, the end token counted.
    pub log_probability: f32,
    /// Probability among the answers of the list, in [0, 1]; those of all of them sum to 1.
    pub probability: f32,
}

/// A list of answers as a model reads them.
#[derive(Debug, Clone)]
pub struct Candidates {
    texts: Vec<String>,
    tokens: Vec<Vec<i64>>,
}

impl Candidates {
    /// The answers; never none.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// Their tokens.
    pub(in crate::models) fn tokens(&self) -> &[Vec<i64>] {
        &self.tokens
    }

    /// The answers of `texts` of which `encode` makes one to `most` tokens, each once; `model` is named in errors.
    pub(in crate::models) fn read(
        texts: &[String],
        most: usize,
        model: &str,
        encode: impl Fn(&str) -> Result<Vec<i64>, Error>,
    ) -> Result<Self, Error> {
        let cannot = |problem| Error::Request { model: model.to_string(), problem };
        let mut first = HashMap::new();
        let mut candidates = Candidates { texts: Vec::new(), tokens: Vec::new() };
        for text in texts {
            let tokens = encode(text)?;
            if tokens.is_empty() {
                log::warn!("answer `{text}`: left out: the model reads nothing of it");
            } else if tokens.len() > most {
                let start: String = text.chars().take(40).collect();
                let length = tokens.len();
                return Err(cannot(format!("answer `{start}...` has {length} tokens; the model takes at most {most}")));
            } else if let Some(same) = first.insert(tokens.clone(), text) {
                log::warn!("answer `{text}`: left out: to the model it is the same as `{same}`");
                first.insert(tokens, same);
            } else {
                candidates.texts.push(text.clone());
                candidates.tokens.push(tokens);
            }
        }
        match candidates.texts.is_empty() {
            false => Ok(candidates),
            true => Err(cannot("the list of answers has none that the model can read".to_string())),
        }
    }
}

impl RankedAnswer {
    /// Candidates by their log-probabilities, the most probable first.
    pub(in crate::models) fn ranked(found: Vec<f32>) -> Vec<Self> {
        let mut probabilities = found.clone();
        softmax(&mut probabilities);
        let numbers = found.into_iter().zip(probabilities).enumerate();
        let mut ranked: Vec<RankedAnswer> = numbers
            .map(|(candidate, (log_probability, probability))| RankedAnswer { candidate, log_probability, probability })
            .collect();
        ranked.sort_by(|a, b| b.log_probability.total_cmp(&a.log_probability));
        ranked
    }
}

impl Blip {
    /// Answers a question about a picture.
    ///
    /// # Errors
    /// [`Error::Request`] when the model does not answer questions; [`Error::Input`] when the question is empty or
    /// too long; [`Error::Engine`] when a graph fails.
    pub fn answer(&self, image: &EncodedImage, question: &str, options: &SearchOptions) -> Result<Answer, Error> {
        let cross = self.encode_question(image, question)?;
        let Some(decoder) = self.answer_decoder.get() else { return Err(self.not_prepared()) };
        let tokens = &self.spec.tokens;
        let positions = self.spec.generation.max_question_tokens;
        let limit = options.max_tokens.unwrap_or(self.spec.generation.answer_max_tokens);
        let request = Request { prompt: &[tokens.start], end: tokens.end, limit: limit.min(positions - 1), count: 1 };
        let written = generate(decoder, &cross, &request, options)?.into_iter().next();
        let provider = decoder.provider();
        let (tokens, log_probability) = written.map(|it| (it.tokens, it.log_probability)).unwrap_or_default();
        Ok(Answer { text: self.vocabulary.decode(&tokens)?, tokens, log_probability, provider })
    }

    /// Prepares a list of answers for [`Blip::rank`]. Answers that are the same to the model (`Red` and `red`, say) count
    /// once, and those of which it reads nothing do not count; both are warned of.
    ///
    /// # Errors
    /// [`Error::Request`] when an answer is too long, or none is left.
    pub fn candidates(&self, texts: &[String]) -> Result<Candidates, Error> {
        let most = self.spec.generation.max_question_tokens - 1;
        Candidates::read(texts, most, self.name(), |text| self.vocabulary.encode(text, false))
    }

    /// How probable each answer of a list is, the most probable first.
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
        let found = log_probabilities(decoder, &cross, &[tokens.start], tokens.end, &candidates.tokens)?;
        Ok(RankedAnswer::ranked(found))
    }

    /// The execution provider of the answers' decoder; that of the vision encoder before it is loaded.
    pub fn answer_provider(&self) -> &'static str {
        self.answer_decoder.get().map_or(self.provider(), |decoder| decoder.provider())
    }

    /// What the answers' decoder attends to.
    fn encode_question(&self, image: &EncodedImage, question: &str) -> Result<CrossAttention, Error> {
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
        let (Some(encoder), Some(embeddings)) = (self.question_encoder.get(), &image.embeddings) else {
            return Err(self.not_prepared());
        };
        let ids = Tensor::integer(ndarray::Array2::from_shape_fn((1, ids.len()), |(_, at)| ids[at]))?;
        let mut outputs = encoder.run(&[("input_ids", &[ids]), ("image_embeds", std::slice::from_ref(embeddings))])?;
        Ok(CrossAttention::take(&mut outputs))
    }
}
