//! How recordings are decoded: `media:` of a device file.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error};

/// How recordings are decoded.
#[derive(Debug, Clone, Default)]
pub struct Media {
    /// Decoder of formats without a built-in decoder.
    pub ffmpeg: Ffmpeg,
    /// The longest recording that is decoded, if there is a limit.
    pub longest_sound: Option<Duration>,
}

/// Whether ffmpeg decodes what the built-in decoders cannot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Ffmpeg {
    /// `ffmpeg` on `PATH`, if there is one.
    #[default]
    Auto,
    /// Built-in decoders only.
    Never,
    /// This program.
    Program(PathBuf),
}

impl<'de> Deserialize<'de> for Ffmpeg {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match String::deserialize(deserializer)?.as_str() {
            "auto" => Ok(Ffmpeg::Auto),
            "never" => Ok(Ffmpeg::Never),
            path if path.contains('/') => Ok(Ffmpeg::Program(path.into())),
            other => Err(D::Error::custom(format!(
                "unknown value `{other}`, expected `auto`, `never` or the path of an ffmpeg (such as /usr/bin/ffmpeg)"
            ))),
        }
    }
}
