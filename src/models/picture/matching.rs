//! How well texts fit pictures.

use std::sync::OnceLock;

use ndarray::Array2;

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
