//! The file of a recording, of any kind, and how it may be decoded.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::super::FileError;
use super::super::file;
use super::{AudioError, AudioReader, Channel};
use crate::config::Ffmpeg;

/// Maximum number of bytes kept of a pipe: six hours of CD sound.
const MOST_SPOOLED: u64 = 4 << 30;

/// An audio file that can be opened more than once.
///
/// A named pipe, `/dev/stdin` or `<(...)` is read to its end when it is first opened, into an anonymous temporary file
/// (in `TMPDIR`) that is kept for as long as this value lives.
#[derive(Debug)]
pub struct AudioFile {
    path: PathBuf,
    ffmpeg: Ffmpeg,
    longest: Option<Duration>,
    spool: Mutex<Spool>,
}

/// The content of a pipe.
#[derive(Debug, Default)]
enum Spool {
    #[default]
    Unread,
    Kept(Arc<File>),
    /// Reading failed, and cannot be repeated.
    Failed,
}

impl AudioFile {
    /// The file at `path`; nothing is opened yet. Formats without a built-in decoder go through an installed ffmpeg.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), ffmpeg: Ffmpeg::default(), longest: None, spool: Mutex::default() }
    }

    /// The bytes of an audio file, which messages call `name`.
    ///
    /// # Errors
    /// [`AudioError::File`] if there are no bytes, or they cannot be kept.
    pub fn from_bytes(name: impl Into<PathBuf>, bytes: &[u8]) -> Result<Self, AudioError> {
        if bytes.is_empty() {
            return Err(FileError::Empty.into());
        }
        let mut file = in_memory()?;
        file.write_all(bytes).map_err(FileError::Spool)?;
        Ok(Self::kept(name, file))
    }

    /// Mono samples in [-1, 1] at `sample_rate` Hz, which messages call `name`.
    ///
    /// # Errors
    /// As [`AudioFile::from_bytes`].
    pub fn from_samples(name: impl Into<PathBuf>, samples: &[f32], sample_rate: u32) -> Result<Self, AudioError> {
        if samples.is_empty() {
            return Err(FileError::Empty.into());
        }
        let format =
            hound::WavSpec { channels: 1, sample_rate, bits_per_sample: 32, sample_format: hound::SampleFormat::Float };
        let file = in_memory()?;
        let failed = |error: hound::Error| FileError::Spool(io::Error::other(error.to_string()));
        let mut writer = hound::WavWriter::new(BufWriter::new(&file), format).map_err(failed)?;
        samples.iter().try_for_each(|sample| writer.write_sample(*sample)).map_err(failed)?;
        writer.finalize().map_err(failed)?;
        Ok(Self::kept(name, file))
    }

    fn kept(name: impl Into<PathBuf>, file: File) -> Self {
        Self { spool: Mutex::new(Spool::Kept(Arc::new(file))), ..Self::new(name) }
    }

    /// Sets the ffmpeg, if any, that decodes formats without a built-in decoder.
    #[must_use]
    pub fn with_ffmpeg(self, ffmpeg: Ffmpeg) -> Self {
        Self { ffmpeg, ..self }
    }

    /// Refuses to decode more than `longest`.
    #[must_use]
    pub fn with_longest(self, longest: Option<Duration>) -> Self {
        Self { longest, ..self }
    }

    /// The limit of [`AudioFile::with_longest`].
    pub(super) fn longest(&self) -> Option<Duration> {
        self.longest
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Which ffmpeg may be used.
    pub(super) fn ffmpeg(&self) -> &Ffmpeg {
        &self.ffmpeg
    }

    /// Number of channels at the start of the recording, at least 1.
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

    /// The file's bytes and their number.
    pub(super) fn open(&self) -> Result<(Arc<File>, u64), AudioError> {
        if let Spool::Kept(file) = &*self.spool.lock().unwrap_or_else(PoisonError::into_inner) {
            return Ok((file.clone(), file.metadata()?.len()));
        }
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

    /// Reads a pipe to its end, because a recording is read twice, and some formats from their end.
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

/// An anonymous file in memory.
fn in_memory() -> Result<File, FileError> {
    let file = rustix::fs::memfd_create("edgefuse", rustix::fs::MemfdFlags::CLOEXEC);
    file.map(File::from).map_err(|error| FileError::Spool(error.into()))
}
