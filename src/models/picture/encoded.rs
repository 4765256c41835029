//! A picture after the vision encoder.

use ndarray::Array1;

use crate::engine::Tensor;
use crate::models::generation::CrossAttention;

/// A picture as the text graphs see it. Any number of captions and answers can be made from it.
pub struct EncodedImage {
    /// `[1, patches, hidden]`, where the model answers questions or has a matching head.
    pub(in crate::models) embeddings: Option<Tensor>,
    /// What the caption decoder attends to, where the model captions.
    pub(in crate::models) caption_cross: Option<CrossAttention>,
    /// `[projection]`, where the model compares embeddings.
    pub(in crate::models) embedding: Option<Array1<f32>>,
}

impl EncodedImage {
    /// A picture of which a model keeps nothing but these embeddings, `[1, rows, hidden]`.
    pub(in crate::models) fn of_embeddings(embeddings: Tensor) -> Self {
        EncodedImage { embeddings: Some(embeddings), caption_cross: None, embedding: None }
    }

    /// The embeddings that text graphs take, `[1, rows, hidden]`; where the model has them.
    pub(in crate::models) fn embeddings(&self) -> Option<&Tensor> {
        self.embeddings.as_ref()
    }

    /// The embedding that texts are compared with, `[projection]`, of length 1; where the model has one.
    pub fn embedding(&self) -> Option<&Array1<f32>> {
        self.embedding.as_ref()
    }
}
