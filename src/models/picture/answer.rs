//! Answers to questions about pictures.

use std::collections::HashMap;

use crate::error::Error;
use crate::models::generation::softmax;
use crate::support::shown::shown;

/// An answer to a question about a picture.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The answer.
    pub text: String,
    /// Its tokens, without `[DEC]` and the end token.
    pub tokens: Vec<i64>,
    /// Log-probability (natural logarithm) of exactly this answer, including the end token if it was generated.
    pub log_probability: f32,
    /// The execution provider of the decoder.
    pub provider: &'static str,
}

/// A candidate answer with its probability.
#[derive(Debug, Clone, PartialEq)]
pub struct RankedAnswer {
    /// Its index in [`Candidates::texts`].
    pub candidate: usize,
    /// Log-probability (natural logarithm) of exactly this answer, including the end token.
    pub log_probability: f32,
    /// Probability in [0, 1]; the probabilities of all candidates sum to 1.
    pub probability: f32,
}

/// Tokenized candidate answers.
#[derive(Debug, Clone)]
pub struct Candidates {
    texts: Vec<String>,
    tokens: Vec<Vec<i64>>,
}

impl Candidates {
    /// The answers; at least one.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// Their tokens.
    pub(in crate::models) fn tokens(&self) -> &[Vec<i64>] {
        &self.tokens
    }

    /// The distinct answers of `texts` that `encode` turns into one to `most` tokens; errors name `model`.
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
                log::warn!("answer `{text}`: left out, because it has no token that the model knows");
            } else if tokens.len() > most {
                let start = shown(text, 40);
                let length = tokens.len();
                return Err(cannot(format!("answer `{start}` has {length} tokens; the model accepts up to {most}")));
            } else if let Some(same) = first.insert(tokens.clone(), text) {
                log::warn!("answer `{text}`: left out, because its tokens are those of `{same}`");
                first.insert(tokens, same);
            } else {
                candidates.texts.push(text.clone());
                candidates.tokens.push(tokens);
            }
        }
        match candidates.texts.is_empty() {
            false => Ok(candidates),
            true => Err(cannot("no candidate answer has a token that the model knows".to_string())),
        }
    }
}

impl RankedAnswer {
    /// Candidates by log-probability, most probable first.
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
