//! A recording's file, whatever kind of file it is, and how it may be decoded.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::super::FileError;
use super::super::file;
use super::{AudioError, AudioReader, Channel};
use crate::config::Ffmpeg;

/// Bytes of a pipe that are kept, at most: six hours of CD sound.
const MOST_SPOOLED: u64 = 4 << 30;

/// A file of sound that can be opened more than once.
///
/// A named pipe, `/dev/stdin` or `<(...)` is read to its end when it is first opened, into an anonymous temporary file
/// (in `TMPDIR`) that is kept for as long as this value lives.
#[derive(Debug)]
pub struct AudioFile {
    path: PathBuf,
    ffmpeg: Ffmpeg,
    spool: Mutex<Spool>,
}

/// What was in a pipe.
#[derive(Debug, Default)]
enum Spool {
    #[default]
    Unread,
    Kept(Arc<File>),
    /// Reading it failed, and cannot be repeated.
    Failed,
}

impl AudioFile {
    /// The file at `path`; nothing is opened yet. Formats without a built-in decoder go through an installed ffmpeg.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), ffmpeg: Ffmpeg::default(), spool: Mutex::default() }
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

    /// Which ffmpeg may be used.
    pub(super) fn ffmpeg(&self) -> &Ffmpeg {
        &self.ffmpeg
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

    /// The file's bytes, and how many they are.
    pub(super) fn open(&self) -> Result<(Arc<File>, u64), AudioError> {
        let is_pipe = fs::metadata(&self.path).map_err(FileError::Io)?.file_type().is_fifo();
        if !is_pipe {
            let (file, len) = file::open(&self.path)?;
            return Ok((Arc::new(file), len));
        }
        let mut spool = self.spool.lock().unwrap_or_else(PoisonError::into_inner);
        if let Spool::Unread = *spool {
            *spool = Spool::Failed;
            *spool = Spool::Kept(Arc::new(self.spool()?));
        }
        match &*spool {
            Spool::Kept(file) => Ok((file.clone(), file.metadata()?.len())),
            _ => Err(FileError::NotRegular.into()),
        }
    }

    /// Reads a pipe to its end: a recording is read twice, and some formats from their end.
    fn spool(&self) -> Result<File, FileError> {
        let mut pipe = File::open(&self.path).map_err(FileError::Io)?.take(MOST_SPOOLED + 1);
        let mut file = tempfile::tempfile().map_err(FileError::Spool)?;
        match io::copy(&mut pipe, &mut file).map_err(FileError::Spool)? {
            0 => Err(FileError::Empty),
            len if len > MOST_SPOOLED => Err(FileError::LongPipe { bytes: MOST_SPOOLED }),
            _ => Ok(file),
        }
    }
}
