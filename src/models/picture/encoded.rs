//! A picture after the vision encoder.

use ndarray::Array1;

use crate::engine::Tensor;
use crate::models::generation::CrossAttention;

/// An encoded picture, from which any number of captions, answers, scores and classes can be computed.
#[derive(Default)]
pub struct EncodedImage {
    /// `[1, patches, hidden]`, if the model answers questions or has a matching head.
    pub(in crate::models) embeddings: Option<Tensor>,
    /// What the caption decoder attends to, if the model captions.
    pub(in crate::models) caption_cross: Option<CrossAttention>,
    /// `[projection]`, if the model compares embeddings.
    pub(in crate::models) embedding: Option<Array1<f32>>,
    /// `[projection]`, the embedding before it was brought to length 1, if the model computes features for others.
    pub(in crate::models) features: Option<Vec<f32>>,
    /// `[classes]`, if the model classifies.
    pub(in crate::models) probabilities: Option<Vec<f32>>,
    /// Rows and columns of the tiles that `embeddings` are of, in that order, before the whole picture; 0 if the picture
    /// was not split.
    pub(in crate::models) grid: (usize, usize),
}

impl EncodedImage {
    /// A picture for a model that needs only these embeddings, `[1, rows, hidden]`.
    pub(in crate::models) fn of_embeddings(embeddings: Tensor) -> Self {
        EncodedImage { embeddings: Some(embeddings), ..EncodedImage::default() }
    }

    /// The embeddings that text graphs read, `[1, rows, hidden]`, if the model has them.
    pub(in crate::models) fn embeddings(&self) -> Option<&Tensor> {
        self.embeddings.as_ref()
    }

    /// The embedding as the model's own code computes it, if the model computes features for others.
    pub fn features(&self) -> Option<&[f32]> {
        self.features.as_deref()
    }

    /// The embedding that texts are compared with, `[projection]`, of length 1, if the model has one.
    pub fn embedding(&self) -> Option<&Array1<f32>> {
        self.embedding.as_ref()
    }
}
