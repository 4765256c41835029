//! Modalities, and the forms in which a student accepts them.

use serde::Deserialize;

/// A modality; each has a column of `presence`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Modality {
    /// A picture, or its embedding.
    Image,
    /// A text, or its embedding.
    Text,
    /// A sound.
    Audio,
    /// Numbers from sensors.
    Sensors,
}

impl Modality {
    /// The word in `modalities:` and in messages.
    pub fn name(self) -> &'static str {
        match self {
            Modality::Image => "image",
            Modality::Text => "text",
            Modality::Audio => "audio",
            Modality::Sensors => "sensors",
        }
    }
}

/// An input of a student: a modality in one of its forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StudentInput {
    /// A picture.
    Image,
    /// Another model's embedding of a picture.
    ImageEmbedding,
    /// Text.
    Text,
    /// Another model's embedding of a text.
    TextEmbedding,
    /// A sound.
    Audio,
    /// Numbers from sensors.
    Sensors,
}

impl StudentInput {
    /// All inputs.
    pub const ALL: [StudentInput; 6] = [
        StudentInput::Image,
        StudentInput::ImageEmbedding,
        StudentInput::Text,
        StudentInput::TextEmbedding,
        StudentInput::Audio,
        StudentInput::Sensors,
    ];

    /// The key of a record, and the word in messages.
    pub fn name(self) -> &'static str {
        match self {
            StudentInput::ImageEmbedding => "image_embedding",
            StudentInput::TextEmbedding => "text_embedding",
            other => other.modality().name(),
        }
    }

    /// The modality that this is a form of.
    pub fn modality(self) -> Modality {
        match self {
            StudentInput::Image | StudentInput::ImageEmbedding => Modality::Image,
            StudentInput::Text | StudentInput::TextEmbedding => Modality::Text,
            StudentInput::Audio => Modality::Audio,
            StudentInput::Sensors => Modality::Sensors,
        }
    }

    /// The roles of the graph's inputs for it.
    pub(super) fn roles(self) -> &'static [&'static str] {
        match self {
            StudentInput::Image => &["image"],
            StudentInput::ImageEmbedding => &["image_embedding"],
            StudentInput::Text => &["input_ids", "attention_mask"],
            StudentInput::TextEmbedding => &["text_embedding"],
            StudentInput::Audio => &["log_mel"],
            StudentInput::Sensors => &["sensors"],
        }
    }
}

/// A vector that another model computes from a picture or a text.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbeddingSpec {
    /// Its length.
    pub length: usize,
    /// The model that computes it.
    pub made_by: String,
}

/// A sensor. The graph's input is `(reading - mean) / std`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SensorSpec {
    /// Its name in records.
    pub name: String,
    /// The unit of its readings; empty for a plain number.
    #[serde(default)]
    pub unit: String,
    /// Subtracted from a reading, in its unit.
    pub mean: f32,
    /// Divisor after that; not zero.
    pub std: f32,
}
