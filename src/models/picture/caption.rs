//! Captions of pictures.

use crate::error::Error;
use crate::models::generation::Generated;
use crate::models::vocabulary::Vocabulary;

/// A caption of a picture.
#[derive(Debug, Clone)]
pub struct Caption {
    /// The caption, including the prompt that it continues.
    pub text: String,
    /// Its tokens after `[DEC]`, without the end token.
    pub tokens: Vec<i64>,
    /// Log-probability (natural logarithm) of the generated tokens, including the end token if it was generated.
    pub log_probability: f32,
    /// What captions are compared by: the log-probability over `length ^ length_penalty`, after penalties in beam
    /// search (`sequences_scores` of transformers).
    pub score: f32,
    /// The execution provider of the decoder.
    pub provider: &'static str,
}

impl Caption {
    /// Captions of the texts `written` after the tokens `given`.
    ///
    /// # Errors
    /// [`Error::Input`] if the vocabulary cannot decode the tokens.
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
