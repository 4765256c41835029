//! The modalities of records.

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
