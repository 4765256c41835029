//! How well texts fit pictures.

use std::ops::Range;
use std::sync::OnceLock;

use ndarray::Array2;

use crate::engine::{EngineError, Tensor};
use crate::error::Error;
use crate::support::shown::shown;

/// Maximum number of tokens in a batch, padding included. Bounds the memory for attention to the picture's patches.
const MOST_TOKENS: usize = 512;

/// Maximum number of texts in a batch.
const MOST_TEXTS: usize = 32;

/// Tokenized texts. Their embeddings are computed once, whatever the number of pictures.
#[derive(Debug)]
pub struct MatchTexts {
    pub(in crate::models) texts: Vec<String>,
    pub(in crate::models) tokens: Vec<Vec<i64>>,
    /// Indices into `tokens`, shortest text first, so that a batch has little padding.
    pub(in crate::models) order: Vec<usize>,
    pub(in crate::models) embeddings: OnceLock<Array2<f32>>,
}

impl MatchTexts {
    /// The texts; at least one.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// Tokenizes texts with `encode`.
    ///
    /// # Errors
    /// [`Error::Input`] if `texts` is empty, or one of them is blank or has more than `most` tokens.
    pub(in crate::models) fn read(
        texts: &[String],
        most: usize,
        encode: impl Fn(&str) -> Result<Vec<i64>, Error>,
    ) -> Result<Self, Error> {
        let encode = |text: &String| {
            let tokens = encode(text.trim())?;
            let start = shown(text, 40);
            let problem = match tokens.len() {
                _ if text.trim().is_empty() => "a text is empty".to_string(),
                length if length > most => {
                    format!("text `{start}` has {length} tokens; the model accepts up to {most}")
                }
                _ => return Ok(tokens),
            };
            Err(Error::Input { problem })
        };
        let tokens: Vec<Vec<i64>> = texts.iter().map(encode).collect::<Result<_, Error>>()?;
        if tokens.is_empty() {
            return Err(Error::Input { problem: "no text to match".to_string() });
        }
        Ok(Self::of_tokens(texts.to_vec(), tokens))
    }

    fn of_tokens(texts: Vec<String>, tokens: Vec<Vec<i64>>) -> Self {
        let mut order: Vec<usize> = (0..tokens.len()).collect();
        order.sort_by_key(|&at| tokens[at].len());
        MatchTexts { texts, tokens, order, embeddings: OnceLock::new() }
    }

    /// Computes the texts' embeddings, unless that was done before, and keeps them. `run` computes those of a batch,
    /// `[texts, projection]`, from token ids, filled up with `pad`, and mask, both `[texts, tokens]`.
    ///
    /// # Errors
    /// Those of `run`.
    pub(in crate::models) fn embed(
        &self,
        pad: i64,
        run: impl Fn(Array2<i64>, Array2<i64>) -> Result<Tensor, EngineError>,
    ) -> Result<(), Error> {
        if self.embeddings.get().is_some() {
            return Ok(());
        }
        let mut embeddings: Option<Array2<f32>> = None;
        for places in self.batches() {
            let (ids, mask) = self.padded(&places, pad);
            let batch = run(ids, mask)?;
            for (&at, embedding) in self.order[places].iter().zip(batch.view()?.rows()) {
                let embeddings = embeddings.get_or_insert_with(|| Array2::zeros((self.texts.len(), embedding.len())));
                embeddings.row_mut(at).assign(&embedding);
            }
        }
        if let Some(embeddings) = embeddings {
            self.embeddings.get_or_init(|| embeddings);
        }
        Ok(())
    }

    /// Splits the texts, in their `order`, into batches of bounded size.
    pub(in crate::models) fn batches(&self) -> Vec<Range<usize>> {
        let mut batches: Vec<Range<usize>> = Vec::new();
        for (place, &at) in self.order.iter().enumerate() {
            // The longest text of a batch is its last.
            let length = self.tokens[at].len();
            match batches.last_mut() {
                Some(batch) if batch.len() < MOST_TEXTS && (batch.len() + 1) * length <= MOST_TOKENS => {
                    batch.end = place + 1;
                }
                _ => batches.push(place..place + 1),
            }
        }
        batches
    }

    /// Token ids and mask of a batch, `[texts, tokens]`.
    pub(in crate::models) fn padded(&self, places: &Range<usize>, pad: i64) -> (Array2<i64>, Array2<i64>) {
        let rows: Vec<&[i64]> = self.order[places.clone()].iter().map(|&at| self.tokens[at].as_slice()).collect();
        let shape = (rows.len(), rows.iter().map(|row| row.len()).max().unwrap_or(0));
        let ids = Array2::from_shape_fn(shape, |(row, at)| rows[row].get(at).copied().unwrap_or(pad));
        let mask = Array2::from_shape_fn(shape, |(row, at)| i64::from(at < rows[row].len()));
        (ids, mask)
    }

    /// The texts' embeddings, `[texts, projection]`, of length 1, if the model has them and a picture was matched.
    pub fn embeddings(&self) -> Option<&Array2<f32>> {
        self.embeddings.get()
    }
}

/// How well one text fits a picture.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Match {
    /// Probability in [0, 1] that text and picture belong together, if the model has a matching head.
    pub probability: Option<f32>,
    /// Cosine similarity of the embeddings of picture and text, in [-1, 1], if the model has them.
    pub similarity: Option<f32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(lengths: &[usize]) -> MatchTexts {
        let tokens: Vec<Vec<i64>> = lengths.iter().map(|&length| vec![7; length]).collect();
        MatchTexts::of_tokens(vec![String::new(); tokens.len()], tokens)
    }

    #[test]
    fn batches_hold_every_text_and_no_more_tokens_than_fit() {
        let mut lengths = vec![5; 100];
        lengths.extend([512, 300, 200, 12]);
        let texts = texts(&lengths);
        let batches = texts.batches();
        assert_eq!(batches.iter().cloned().flatten().collect::<Vec<_>>(), (0..104).collect::<Vec<_>>());
        for batch in batches {
            let longest = batch.clone().map(|place| texts.tokens[texts.order[place]].len()).max().unwrap();
            assert!(batch.len() <= MOST_TEXTS && batch.len() * longest <= MOST_TOKENS, "{batch:?}");
        }
    }

    #[test]
    fn shorter_texts_are_padded_and_masked() {
        let texts = texts(&[3, 1]);
        let rows: Vec<usize> = texts.order.iter().map(|&at| texts.tokens[at].len()).collect();
        assert_eq!(rows, [1, 3]);
        let (ids, mask) = texts.padded(&(0..2), 0);
        assert_eq!(ids, ndarray::array![[7, 0, 0], [7, 7, 7]]);
        assert_eq!(mask, ndarray::array![[1, 0, 0], [1, 1, 1]]);
    }
}
