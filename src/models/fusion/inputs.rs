//! Inputs of a decision.

use ndarray::Array4;

use super::SensorReadings;
use crate::config::model_folder::StudentInput;

/// Inputs of the student; each is optional.
#[derive(Default)]
pub struct FusionInputs<'a> {
    /// A picture, preprocessed according to [`Decider::view`](crate::models::capability::Decider::view): `[1, 3, height, width]`.
    pub image: Option<&'a Array4<f32>>,
    /// Embedding of a picture by another model.
    pub image_embedding: Option<&'a [f32]>,
    /// A text.
    pub text: Option<&'a str>,
    /// Embedding of a text by another model.
    pub text_embedding: Option<&'a [f32]>,
    /// Mono samples in [-1, 1] at the rate of [`Decider::sound`](crate::models::capability::Decider::sound).
    pub audio: Option<&'a [f32]>,
    /// Embedding of a sound by another model.
    pub audio_embedding: Option<&'a [f32]>,
    /// Sensor readings.
    pub sensors: Option<&'a SensorReadings>,
}

impl FusionInputs<'_> {
    /// Whether there is no input.
    pub fn is_empty(&self) -> bool {
        self.present().is_empty()
    }

    /// Whether this input is present.
    pub(in crate::models) fn has(&self, input: StudentInput) -> bool {
        match input {
            StudentInput::Image => self.image.is_some(),
            StudentInput::ImageEmbedding => self.image_embedding.is_some(),
            StudentInput::Text => self.text.is_some(),
            StudentInput::TextEmbedding => self.text_embedding.is_some(),
            StudentInput::Audio => self.audio.is_some(),
            StudentInput::AudioEmbedding => self.audio_embedding.is_some(),
            StudentInput::Sensors => self.sensors.is_some(),
        }
    }

    /// This input, if it is another model's embedding.
    pub(in crate::models) fn embedding(&self, input: StudentInput) -> Option<&[f32]> {
        match input {
            StudentInput::ImageEmbedding => self.image_embedding,
            StudentInput::TextEmbedding => self.text_embedding,
            StudentInput::AudioEmbedding => self.audio_embedding,
            StudentInput::Image | StudentInput::Text | StudentInput::Audio | StudentInput::Sensors => None,
        }
    }

    /// The inputs that are present.
    pub(in crate::models) fn present(&self) -> Vec<StudentInput> {
        StudentInput::ALL.into_iter().filter(|&input| self.has(input)).collect()
    }
}
