//! A recording's file, whatever kind of file it is, and how it may be decoded.

use std::path::{Path, PathBuf};

use super::{AudioError, AudioReader, Channel};
use crate::config::Ffmpeg;

/// A file of sound that can be opened more than once.
///
/// A named pipe, `/dev/stdin` or `<(...)` is read to its end when it is first opened, into an anonymous temporary file
/// that is kept for as long as this value lives.
#[derive(Debug)]
pub struct AudioFile {
    path: PathBuf,
    ffmpeg: Ffmpeg,
}

impl AudioFile {
    /// The file at `path`; nothing is opened yet. Formats without a built-in decoder go through an installed ffmpeg.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), ffmpeg: Ffmpeg::default() }
    }

    /// Chooses which ffmpeg, if any, decodes formats without a built-in decoder.
    #[must_use]
    pub fn with_ffmpeg(self, ffmpeg: Ffmpeg) -> Self {
        Self { ffmpeg, ..self }
    }

    /// The path it was made from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How many channels the recording has where it starts, at least 1.
    ///
    /// # Errors
    /// As [`AudioReader::open`], and as reading its first samples.
    pub fn channels(&self) -> Result<usize, AudioError> {
        AudioReader::of(self, 16_000, Channel::Mix)?.channels()
    }

    /// Decodes the whole recording to mono samples in [-1, 1] at `sample_rate` Hz, and appends to `warnings` what was
    /// left out or substituted.
    ///
    /// # Errors
    /// As [`AudioReader::open`] and [`AudioReader::read`].
    pub fn load(&self, sample_rate: u32, warnings: &mut Vec<String>) -> Result<Vec<f32>, AudioError> {
        let mut reader = AudioReader::of(self, sample_rate, Channel::Mix)?;
        let mut samples = Vec::new();
        while reader.read(&mut samples)? {}
        warnings.extend_from_slice(reader.warnings());
        Ok(samples)
    }
}
