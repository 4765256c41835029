//! Decisions from several modalities: what goes in, and what comes out.

mod inputs;
mod sensors;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use inputs::FusionInputs;
pub use sensors::SensorReadings;

/// The student's decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Fusion {
    /// The most probable label.
    pub label: String,
    /// Its probability, in [0, 1].
    pub confidence: f32,
    /// Probability of every label, most probable first.
    pub probabilities: Vec<(String, f32)>,
    /// The modalities that the decision is based on.
    pub modalities: Vec<String>,
    /// The modalities whose embedding an encoder of the device computed, with that model's name; those that the record
    /// itself contains are not listed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub encoders: BTreeMap<String, String>,
    /// The embeddings; the pipeline keeps them only on request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embeddings: Option<Embeddings>,
}

/// Embeddings of a record, each of length 1, all in one space.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Embeddings {
    /// Embedding of all modalities together.
    pub fused: Vec<f32>,
    /// Embedding of each modality that was present, by name.
    #[serde(flatten)]
    pub modalities: BTreeMap<String, Vec<f32>>,
}
