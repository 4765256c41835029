//! What a decision is based on.

use ndarray::Array4;

use super::SensorReadings;
use crate::config::model_folder::StudentInput;

/// What the student is shown; each part is optional.
#[derive(Default)]
pub struct FusionInputs<'a> {
    /// A picture as [`Student::view`] wants its pixels: `[1, 3, height, width]`.
    pub image: Option<&'a Array4<f32>>,
    /// What another model made of a picture.
    pub image_embedding: Option<&'a [f32]>,
    /// A text.
    pub text: Option<&'a str>,
    /// What another model made of a text.
    pub text_embedding: Option<&'a [f32]>,
    /// Mono samples in [-1, 1] at [`Student::sample_rate`].
    pub audio: Option<&'a [f32]>,
    /// Readings of sensors.
    pub sensors: Option<&'a SensorReadings>,
}

impl FusionInputs<'_> {
    /// Whether nothing is there.
    pub fn is_empty(&self) -> bool {
        self.present().is_empty()
    }

    /// Whether this one is there.
    pub(in crate::models) fn has(&self, input: StudentInput) -> bool {
        match input {
            StudentInput::Image => self.image.is_some(),
            StudentInput::ImageEmbedding => self.image_embedding.is_some(),
            StudentInput::Text => self.text.is_some(),
            StudentInput::TextEmbedding => self.text_embedding.is_some(),
            StudentInput::Audio => self.audio.is_some(),
            StudentInput::Sensors => self.sensors.is_some(),
        }
    }

    /// Those that are there.
    pub(in crate::models) fn present(&self) -> Vec<StudentInput> {
        StudentInput::ALL.into_iter().filter(|&input| self.has(input)).collect()
    }
}
