//! The forms in which a student accepts modalities.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

use crate::config::modality::Modality;

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
    /// Another model's embedding of a sound.
    AudioEmbedding,
    /// Numbers from sensors.
    Sensors,
}

impl StudentInput {
    /// All inputs.
    pub const ALL: [StudentInput; 7] = [
        StudentInput::Image,
        StudentInput::ImageEmbedding,
        StudentInput::Text,
        StudentInput::TextEmbedding,
        StudentInput::Audio,
        StudentInput::AudioEmbedding,
        StudentInput::Sensors,
    ];

    /// The key of a record, and the word in messages.
    pub fn name(self) -> &'static str {
        match self {
            StudentInput::ImageEmbedding => "image_embedding",
            StudentInput::TextEmbedding => "text_embedding",
            StudentInput::AudioEmbedding => "audio_embedding",
            other => other.modality().name(),
        }
    }

    /// The modality that this is a form of.
    pub fn modality(self) -> Modality {
        match self {
            StudentInput::Image | StudentInput::ImageEmbedding => Modality::Image,
            StudentInput::Text | StudentInput::TextEmbedding => Modality::Text,
            StudentInput::Audio | StudentInput::AudioEmbedding => Modality::Audio,
            StudentInput::Sensors => Modality::Sensors,
        }
    }

    /// The embedding of a modality, if students accept one.
    pub fn embedding_of(modality: Modality) -> Option<Self> {
        match modality {
            Modality::Image => Some(StudentInput::ImageEmbedding),
            Modality::Text => Some(StudentInput::TextEmbedding),
            Modality::Audio => Some(StudentInput::AudioEmbedding),
            Modality::Sensors => None,
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
            StudentInput::AudioEmbedding => &["audio_embedding"],
            StudentInput::Sensors => &["sensors"],
        }
    }
}

/// A vector that another model computes from a picture, a text or a sound.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbeddingSpec {
    /// Its length.
    pub length: usize,
    /// The model that computes it: the path of its folder from this one, which starts with `./` or `../`, or words that
    /// describe it.
    pub made_by: String,
    /// The weights of that model when the student was trained: by precision, the first [`WEIGHTS_DIGITS`] digits of
    /// their SHA-256. Empty if unknown.
    #[serde(default)]
    pub weights: BTreeMap<String, String>,
}

/// Hexadecimal digits by which a student knows the weights of its encoder.
pub const WEIGHTS_DIGITS: usize = 16;

impl EmbeddingSpec {
    /// The folder of the model that computes it, for a student in the folder `own`; `None` if `made_by` is no path.
    pub fn folder(&self, own: &Path) -> Option<PathBuf> {
        let path = Path::new(&self.made_by);
        let first = path.components().next();
        matches!(first, Some(Component::CurDir | Component::ParentDir)).then(|| beside(own, path))
    }

    /// Checks the digests.
    pub(super) fn check(&self, key: &str) -> Result<(), String> {
        let digest = |text: &String| text.len() == WEIGHTS_DIGITS && text.bytes().all(|it| it.is_ascii_hexdigit());
        match self.weights.iter().find(|(_, text)| !digest(text)) {
            Some((precision, text)) => {
                Err(format!("{key}.weights.{precision}: `{text}` is not {WEIGHTS_DIGITS} hexadecimal digits"))
            }
            None => Ok(()),
        }
    }
}

/// `relative` from `folder`, without `.` and with each `..` applied to the path as written: a bundle packs folders under
/// the paths that the device file gives them, wherever links lead.
fn beside(folder: &Path, relative: &Path) -> PathBuf {
    let mut path = PathBuf::new();
    for component in folder.components().chain(relative.components()) {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(path.components().next_back(), Some(Component::Normal(_))) => {
                path.pop();
            }
            other => path.push(other),
        }
    }
    path
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoder_lies_beside_the_student_or_is_described_in_words() {
        let folder = |made_by: &str, own: &str| {
            let spec = EmbeddingSpec { length: 1, made_by: made_by.to_string(), weights: BTreeMap::new() };
            spec.folder(Path::new(own)).map(|path| path.display().to_string())
        };
        assert_eq!(folder("../eyes", "onnx/student").as_deref(), Some("onnx/eyes"));
        assert_eq!(folder("../../a/./eyes", "/opt/onnx/student").as_deref(), Some("/opt/a/eyes"));
        assert_eq!(folder("../eyes", ".").as_deref(), Some("../eyes"));
        assert_eq!(folder("./eyes", "student").as_deref(), Some("student/eyes"));
        for words in ["ResNet-50", "sentence-transformers/all-mpnet-base-v2", "/models/eyes", ""] {
            assert_eq!(folder(words, "onnx/student"), None, "{words}");
        }
    }

    #[test]
    fn digests_of_weights_are_checked() {
        let check = |digest: &str| {
            let weights = BTreeMap::from([("fp32".to_string(), digest.to_string())]);
            EmbeddingSpec { length: 1, made_by: String::new(), weights }.check("image_embedding")
        };
        assert_eq!(check("0123456789abcdef"), Ok(()));
        assert!(check("0123456789abcdeg").unwrap_err().starts_with("image_embedding.weights.fp32: `0123"));
        assert!(check("0123").is_err());
    }
}
