//! A record to process: any of a picture, a sound, a text, sensor readings and embeddings.

use std::borrow::Cow;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize};

use super::media::{Picture, Sound};
use crate::error::Error;
use crate::media;
use crate::models::fusion::SensorReadings;
use crate::support::path_text::path_text;

/// A record, as in a line of a JSONL manifest.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Record {
    /// Name of the record in results. In a manifest, a string or an integer of up to 64 bits.
    #[serde(deserialize_with = "name", skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// A picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<Picture>,
    /// A sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio: Option<Sound>,
    /// A text, such as a question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Sensor readings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sensors: Option<SensorReadings>,
    /// Embedding of a picture by another model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_embedding: Option<Embedding>,
    /// Embedding of a text by another model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_embedding: Option<Embedding>,
    /// Embedding of a sound by another model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_embedding: Option<Embedding>,
    /// Position of the picture in its film, in seconds; copied into the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<f64>,
    /// What an index notes about it besides its content.
    #[serde(skip)]
    pub origin: Origin,
}

/// Where a record comes from, as far as it does not follow from its files.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Origin {
    /// Name of its source in the device file.
    pub source: Option<String>,
    /// The film of a frame.
    pub film: Option<PathBuf>,
    /// When it was captured.
    pub time: Option<SystemTime>,
}

/// A record's id: a string, or an integer, whose digits become the name. An empty string counts as no id.
pub(super) fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    struct Name;

    impl<'de> Visitor<'de> for Name {
        type Value = Option<String>;

        fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
            formatter.write_str("an id: a string, or an integer of up to 64 bits")
        }

        fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Self::Value, E> {
            Ok((!name.is_empty()).then(|| name.to_string()))
        }

        fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Self::Value, E> {
            Ok(Some(number.to_string()))
        }

        fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Self::Value, E> {
            Ok(Some(number.to_string()))
        }

        fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }
    }

    deserializer.deserialize_any(Name)
}

/// An embedding in a record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "an embedding must be the path of a file, or a list of numbers")]
pub enum Embedding {
    /// A `.npy` file, or a JSON list of numbers.
    File(PathBuf),
    /// The numbers.
    Numbers(Vec<f32>),
}

impl Embedding {
    /// The numbers of the embedding.
    pub(super) fn numbers(&self) -> Result<Cow<'_, [f32]>, Error> {
        match self {
            Embedding::Numbers(numbers) => Ok(Cow::from(numbers)),
            Embedding::File(path) => {
                let loaded = media::vector::load(path);
                loaded.map(Cow::from).map_err(|source| Error::Vector { path: path.clone(), source })
            }
        }
    }

    fn relative_to(self, folder: &Path) -> Self {
        match self {
            Embedding::File(path) => Embedding::File(folder.join(path)),
            numbers => numbers,
        }
    }
}

/// A record that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRecord {
    /// Its name in results.
    pub id: String,
    /// Its position, and the problem.
    pub problem: String,
}

impl Record {
    /// Sets the name under which the result is listed.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Adds a picture: a path, or a [`Picture`].
    #[must_use]
    pub fn with_image(mut self, image: impl Into<Picture>) -> Self {
        self.image = Some(image.into());
        self
    }

    /// Adds a sound: a path, or a [`Sound`].
    #[must_use]
    pub fn with_audio(mut self, audio: impl Into<Sound>) -> Self {
        self.audio = Some(audio.into());
        self
    }

    /// Adds a text, such as a question.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// Adds sensor readings.
    #[must_use]
    pub fn with_sensors(mut self, sensors: SensorReadings) -> Self {
        self.sensors = Some(sensors);
        self
    }

    /// Adds another model's embedding of a picture.
    #[must_use]
    pub fn with_image_embedding(mut self, embedding: Embedding) -> Self {
        self.image_embedding = Some(embedding);
        self
    }

    /// Adds another model's embedding of a text.
    #[must_use]
    pub fn with_text_embedding(mut self, embedding: Embedding) -> Self {
        self.text_embedding = Some(embedding);
        self
    }

    /// Adds another model's embedding of a sound.
    #[must_use]
    pub fn with_audio_embedding(mut self, embedding: Embedding) -> Self {
        self.audio_embedding = Some(embedding);
        self
    }

    /// Sets the position in a film, in seconds.
    #[must_use]
    pub fn with_position(mut self, seconds: f64) -> Self {
        self.position = Some(seconds);
        self
    }

    /// Sets the source, and when the record was captured.
    #[must_use]
    pub fn with_source(mut self, name: impl Into<String>, time: SystemTime) -> Self {
        self.origin = Origin { source: Some(name.into()), film: None, time: Some(time) };
        self
    }

    /// The name in results: its id, its file, or the kind of its content.
    pub fn name(&self) -> String {
        let file = || self.files().next().map(path_text);
        let memory = || self.image.as_ref().map(Picture::name).or_else(|| self.audio.as_ref().map(Sound::name));
        let word = if self.text.is_none() && self.sensors.is_some() { "sensors" } else { "text" };
        self.id.clone().or_else(file).or_else(memory).unwrap_or_else(|| word.to_string())
    }

    /// The files that it refers to.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let embedded = [&self.image_embedding, &self.text_embedding, &self.audio_embedding].into_iter().flatten();
        let embedded = embedded.filter_map(|embedding| match embedding {
            Embedding::File(path) => Some(path.as_path()),
            Embedding::Numbers(_) => None,
        });
        let image = self.image.as_ref().and_then(Picture::path);
        let audio = self.audio.as_ref().and_then(Sound::path);
        image.into_iter().chain(audio).chain(embedded)
    }

    /// Resolves relative paths against `folder`.
    pub(super) fn relative_to(mut self, folder: &Path) -> Self {
        self.image = self.image.map(|image| image.relative_to(folder));
        self.audio = self.audio.map(|audio| audio.relative_to(folder));
        self.image_embedding = self.image_embedding.map(|embedding| embedding.relative_to(folder));
        self.text_embedding = self.text_embedding.map(|embedding| embedding.relative_to(folder));
        self.audio_embedding = self.audio_embedding.map(|embedding| embedding.relative_to(folder));
        self
    }

    /// Why the record cannot be processed at all, if so.
    pub fn problem(&self) -> Option<&'static str> {
        let blank = |text: &String| text.trim().is_empty();
        let embedded =
            self.image_embedding.is_some() || self.text_embedding.is_some() || self.audio_embedding.is_some();
        let seen = self.image.is_some() || self.audio.is_some() || self.text.is_some();
        if !seen && !embedded && self.sensors.is_none() {
            return Some("the record has none of image, audio and text, nor sensors or embeddings");
        }
        if self.text.as_ref().is_some_and(blank) {
            return Some("the record's text is empty");
        }
        None
    }
}
