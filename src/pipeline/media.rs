//! A record's picture and sound: a file, its bytes, or decoded data.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::config::Media;
use crate::error::Error;
use crate::media::audio::{AudioError, AudioFile};
use crate::media::image::{RgbImage, load_bytes_within, load_within};
use crate::models::Models;
use crate::support::hex::hex;
use crate::support::inline;
use crate::support::path_text::path_text;

/// A picture. In JSON, a string is a path, and `{"base64": "..."}` the bytes of a file.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a picture must be a path, or {\"base64\": ...} with the bytes of a file")]
#[non_exhaustive]
pub enum Picture {
    /// A file in any format that [`media::image`](crate::media::image) reads.
    File(PathBuf),
    /// The bytes of such a file.
    Bytes(Bytes),
    /// Decoded 8-bit RGB.
    #[serde(skip_deserializing, serialize_with = "as_png")]
    Pixels(Arc<RgbImage>),
}

/// A sound. In JSON, a string is a path, `{"base64": "..."}` the bytes of a file, and
/// `{"samples": [...], "sample_rate": 16000}` mono samples in [-1, 1].
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "a sound must be a path, {\"base64\": ...} with the bytes of a file, or {\"samples\": [...], \"sample_rate\": ...}"
)]
#[non_exhaustive]
pub enum Sound {
    /// A file in any format that [`media::audio`](crate::media::audio) reads.
    File(PathBuf),
    /// The bytes of such a file.
    Bytes(Bytes),
    /// Decoded sound.
    Samples(Samples),
}

/// The bytes of a file in memory.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bytes {
    #[serde(rename = "base64", serialize_with = "to_base64", deserialize_with = "from_base64")]
    bytes: Arc<[u8]>,
}

/// Mono samples in memory.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Samples {
    samples: Arc<[f32]>,
    sample_rate: u32,
}

impl Picture {
    /// The bytes of an image file.
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>) -> Self {
        Picture::Bytes(Bytes { bytes: bytes.into() })
    }

    /// Its name in results and messages.
    pub fn name(&self) -> String {
        self.path().map_or_else(|| "(picture in memory)".to_string(), path_text)
    }

    /// Its file, if it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Picture::File(path) => Some(path),
            _ => None,
        }
    }

    /// The decoded picture, within the memory that the models leave.
    pub(super) fn decoded(&self, models: &Models, warnings: &mut Vec<String>) -> Result<Arc<RgbImage>, Error> {
        let grant: &mut dyn FnMut(u64) -> u64 = &mut |bytes| models.make_room_for_input(bytes);
        let decoded = match self {
            Picture::File(path) => load_within(path, warnings, grant).map(Arc::new),
            Picture::Bytes(bytes) => load_bytes_within(bytes.as_slice(), warnings, grant).map(Arc::new),
            Picture::Pixels(image) => Ok(image.clone()),
        };
        decoded.map_err(|source| Error::Image { path: self.name().into(), source })
    }

    pub(super) fn relative_to(self, folder: &Path) -> Self {
        match self {
            Picture::File(path) => Picture::File(folder.join(path)),
            other => other,
        }
    }
}

impl Sound {
    /// The bytes of an audio file.
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>) -> Self {
        Sound::Bytes(Bytes { bytes: bytes.into() })
    }

    /// Mono samples in [-1, 1] at `sample_rate` Hz.
    pub fn from_samples(samples: impl Into<Arc<[f32]>>, sample_rate: u32) -> Self {
        Sound::Samples(Samples { samples: samples.into(), sample_rate })
    }

    /// Its name in results and messages.
    pub fn name(&self) -> String {
        self.path().map_or_else(|| "(sound in memory)".to_string(), path_text)
    }

    /// Its file, if it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Sound::File(path) => Some(path),
            _ => None,
        }
    }

    pub(super) fn relative_to(self, folder: &Path) -> Self {
        match self {
            Sound::File(path) => Sound::File(folder.join(path)),
            other => other,
        }
    }

    /// The sound as a source that can be opened more than once.
    pub(super) fn open(&self, media: &Media) -> Result<AudioFile, AudioError> {
        let file = match self {
            Sound::File(path) => AudioFile::new(path),
            Sound::Bytes(Bytes { bytes }) => AudioFile::from_bytes(self.name(), bytes)?,
            Sound::Samples(Samples { samples, sample_rate }) => {
                AudioFile::from_samples(self.name(), samples, *sample_rate)?
            }
        };
        Ok(file.with_ffmpeg(media.ffmpeg.clone()).with_longest(media.longest_sound))
    }
}

impl Samples {
    /// Digest of the samples.
    pub(super) fn digest(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.sample_rate.to_le_bytes());
        self.samples.iter().for_each(|sample| hash.update(sample.to_le_bytes()));
        hex(&hash.finalize()[..8])
    }
}

impl Bytes {
    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Picture::File(path) => write!(formatter, "Picture({path:?})"),
            Picture::Bytes(it) => write!(formatter, "Picture({} bytes)", it.bytes.len()),
            Picture::Pixels(image) => write!(formatter, "Picture({} x {})", image.width(), image.height()),
        }
    }
}

impl fmt::Debug for Sound {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Sound::File(path) => write!(formatter, "Sound({path:?})"),
            Sound::Bytes(it) => write!(formatter, "Sound({} bytes)", it.bytes.len()),
            Sound::Samples(it) => write!(formatter, "Sound({} samples at {} Hz)", it.samples.len(), it.sample_rate),
        }
    }
}

impl<P: Into<PathBuf>> From<P> for Picture {
    fn from(path: P) -> Self {
        Picture::File(path.into())
    }
}

impl<P: Into<PathBuf>> From<P> for Sound {
    fn from(path: P) -> Self {
        Sound::File(path.into())
    }
}

fn to_base64<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&base64::encode(bytes))
}

pub(super) fn from_base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<[u8]>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let bytes = match text.strip_prefix("data:") {
        Some(rest) => inline::from_data_url(rest),
        None => inline::from_base64(&text),
    };
    bytes.map(Arc::from).map_err(D::Error::custom)
}

/// Pixels are written as the bytes of a PNG file.
fn as_png<S: Serializer>(image: &RgbImage, serializer: S) -> Result<S::Ok, S::Error> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let written = image.write_to(&mut bytes, image::ImageFormat::Png);
    written.map_err(|error| serde::ser::Error::custom(format!("picture: {error}")))?;
    Bytes { bytes: bytes.into_inner().into() }.serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_are_read_back_as_they_were_written() {
        let picture = Picture::from_bytes(vec![1, 2, 250]);
        let text = serde_json::to_string(&picture).unwrap();
        assert_eq!(text, r#"{"base64":"AQL6"}"#);
        let url = r#"{"base64":"data:image/png;base64,AQL6"}"#;
        assert!(serde_json::from_str::<Picture>(url).unwrap() == picture);
        assert!(serde_json::from_str::<Picture>(&text).unwrap() == picture);
        let sound = Sound::from_samples(vec![0.25, -1.0], 16_000);
        let text = serde_json::to_string(&sound).unwrap();
        assert_eq!(text, r#"{"samples":[0.25,-1.0],"sample_rate":16000}"#);
        assert!(serde_json::from_str::<Sound>(&text).unwrap() == sound);
        assert!(serde_json::from_str::<Sound>("\"a.wav\"").unwrap() == Sound::from("a.wav"));
        let pixels = Picture::Pixels(Arc::new(RgbImage::new(2, 1)));
        let written: Picture = serde_json::from_str(&serde_json::to_string(&pixels).unwrap()).unwrap();
        assert!(matches!(written, Picture::Bytes(bytes) if bytes.as_slice().starts_with(b"\x89PNG")));
    }

    #[test]
    fn json_that_is_not_a_medium_is_rejected() {
        for text in ["3", "{}", r#"{"base64":"*"}"#, r#"{"base64":"AA==","x":1}"#, r#"{"samples":[0]}"#] {
            assert!(serde_json::from_str::<Sound>(text).is_err(), "{text}");
        }
    }
}
