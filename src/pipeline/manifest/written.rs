//! A line of a manifest as it is written: a record, whose files may also be URLs or inline data.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use serde::Deserialize;

use super::super::media::{Picture, Sound, from_base64};
use super::super::record::{Embedding, Origin, Record, name};
use crate::models::fusion::SensorReadings;

/// A record, with `image_b64` and `audio_b64` for the bytes of files.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    #[serde(default, deserialize_with = "name")]
    id: Option<String>,
    image: Option<Picture>,
    image_b64: Option<Base64>,
    audio: Option<Sound>,
    audio_b64: Option<Base64>,
    text: Option<String>,
    sensors: Option<SensorReadings>,
    image_embedding: Option<Embedding>,
    text_embedding: Option<Embedding>,
    audio_embedding: Option<Embedding>,
    position: Option<f64>,
}

/// The bytes of a file.
#[derive(Deserialize)]
struct Base64(#[serde(deserialize_with = "from_base64")] Arc<[u8]>);

impl Written {
    /// The record; relative paths start from `folder`.
    pub fn record(self, folder: &Path) -> Result<Record, String> {
        let image = match (self.image, self.image_b64) {
            (Some(_), Some(_)) => return Err("has both `image` and `image_b64`; it can have one picture".to_string()),
            (Some(Picture::File(path)), None) => Some(Picture::File(local(path)?)),
            (image, bytes) => image.or_else(|| bytes.map(|Base64(bytes)| Picture::from_bytes(bytes))),
        };
        let audio = match (self.audio, self.audio_b64) {
            (Some(_), Some(_)) => return Err("has both `audio` and `audio_b64`; it can have one sound".to_string()),
            (Some(Sound::File(path)), None) => Some(Sound::File(local(path)?)),
            (audio, bytes) => audio.or_else(|| bytes.map(|Base64(bytes)| Sound::from_bytes(bytes))),
        };
        let record = Record {
            id: self.id,
            image,
            audio,
            text: self.text,
            sensors: self.sensors,
            image_embedding: self.image_embedding.map(local_embedding).transpose()?,
            text_embedding: self.text_embedding.map(local_embedding).transpose()?,
            audio_embedding: self.audio_embedding.map(local_embedding).transpose()?,
            position: self.position,
            origin: Origin::default(),
        };
        Ok(record.relative_to(folder))
    }
}

fn local_embedding(embedding: Embedding) -> Result<Embedding, String> {
    match embedding {
        Embedding::File(path) => Ok(Embedding::File(local(path)?)),
        numbers @ Embedding::Numbers(_) => Ok(numbers),
    }
}

/// The path of a `file://` URL (RFC 8089); other paths are returned as they are.
fn local(path: PathBuf) -> Result<PathBuf, String> {
    let Some((scheme, rest)) = path.to_str().and_then(|text| text.split_once("://")) else { return Ok(path) };
    let named = |letter: u8| letter.is_ascii_alphanumeric() || b"+-.".contains(&letter);
    if scheme.is_empty() || !scheme.bytes().all(named) {
        return Ok(path);
    }
    if !scheme.eq_ignore_ascii_case("file") {
        return Err(format!("{scheme}://{rest}: only paths and file:// URLs are read; fetch the file first"));
    }
    let encoded = rest.strip_prefix("localhost").unwrap_or(rest);
    if !encoded.starts_with('/') {
        return Err(format!("file://{rest}: names another machine; a local file is file:///path"));
    }
    let decoded = percent_decode_str(encoded).decode_utf8();
    let decoded = decoded.map_err(|_| format!("file://{rest}: is not UTF-8 once decoded; use its path"))?;
    Ok(PathBuf::from(decoded.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Record, String> {
        let written: Written = serde_json::from_str(line).map_err(|error| error.to_string())?;
        written.record(Path::new("in"))
    }

    #[test]
    fn a_file_is_a_path_a_url_or_its_bytes() {
        for (line, path) in [
            (r#"{"image": "a.png"}"#, "in/a.png"),
            (r#"{"image": "file:///data/a%20b.png"}"#, "/data/a b.png"),
            (r#"{"image": "file://localhost/a.png"}"#, "/a.png"),
            (r#"{"image": "odd:/name.png"}"#, "in/odd:/name.png"),
            (r#"{"image_embedding": "file:///e.npy"}"#, "/e.npy"),
        ] {
            let record = read(line).unwrap();
            assert_eq!(record.files().map(|file| file.display().to_string()).collect::<Vec<_>>(), [path], "{line}");
        }
        let record = read(r#"{"image_b64": "AQL6", "audio_b64": "AA=="}"#).unwrap();
        assert!(record.image == Some(Picture::from_bytes(vec![1, 2, 250])));
        assert!(record.audio == Some(Sound::from_bytes(vec![0])));
    }

    #[test]
    fn names_what_cannot_be_read() {
        for (line, expected) in [
            (r#"{"image": "s3://bucket/a.png"}"#, "s3://bucket/a.png: only paths and file:// URLs"),
            (r#"{"audio": "https://host/a.wav"}"#, "only paths and file:// URLs"),
            (r#"{"image": "file://host/a.png"}"#, "names another machine"),
            (r#"{"image": "file:///%ff"}"#, "not UTF-8"),
            (r#"{"image": "a.png", "image_b64": "AA=="}"#, "both `image` and `image_b64`"),
            (r#"{"audio": "a.wav", "audio_b64": "AA=="}"#, "both `audio` and `audio_b64`"),
            (r#"{"image_b64": "*"}"#, "base64"),
            (r#"{"picture": "a.png"}"#, "unknown field `picture`"),
        ] {
            let problem = read(line).unwrap_err();
            assert!(problem.contains(expected), "{line}: {problem}");
        }
    }
}
