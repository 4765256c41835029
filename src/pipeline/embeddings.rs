//! The result of the step `embed`.

use serde::{Deserialize, Serialize};

/// Embeddings of a record's picture, text and sound, each of length 1, all in one space. Only embeddings of the same
/// model can be compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RecordEmbeddings {
    /// Name of the model, as in its `model.yaml`.
    pub model: String,
    /// Length of each embedding.
    pub dimensions: usize,
    /// Number of tokens of the text, including special ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text_tokens: Option<usize>,
    /// Embedding of the picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<Vec<f32>>,
    /// Embedding of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Vec<f32>>,
    /// Embedding of the sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio: Option<Vec<f32>>,
}
