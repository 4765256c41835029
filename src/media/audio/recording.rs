//! A recording that can be read more than once.

use std::path::Path;

use super::{AudioError, AudioFile, AudioReader, Channel, Samples, SliceReader};

/// Sound that can be read again from its start.
#[derive(Debug, Clone, Copy)]
pub enum Recording<'a> {
    /// A file of any format that [`AudioReader`] knows.
    File {
        /// The file.
        file: &'a AudioFile,
        /// All channels mixed, or one of them.
        channel: Channel,
    },
    /// Mono samples in [-1, 1].
    Samples {
        /// The samples.
        samples: &'a [f32],
        /// Sample rate in Hz.
        sample_rate: u32,
    },
}

impl<'a> Recording<'a> {
    /// Opens it at its start, to be read as mono samples at `sample_rate` Hz.
    ///
    /// # Errors
    /// As [`AudioReader::of`]; [`AudioError::OtherRate`] for samples of another rate.
    pub fn open(&self, sample_rate: u32) -> Result<Box<dyn Samples + 'a>, AudioError> {
        match *self {
            Recording::File { file, channel } => Ok(Box::new(AudioReader::of(file, sample_rate, channel)?)),
            Recording::Samples { samples, sample_rate: found } if found == sample_rate => {
                Ok(Box::new(SliceReader::new(samples, sample_rate)))
            }
            Recording::Samples { sample_rate: found, .. } => Err(AudioError::OtherRate { found, wanted: sample_rate }),
        }
    }

    /// The file, if it is one.
    pub fn path(&self) -> Option<&'a Path> {
        match self {
            Recording::File { file, .. } => Some(file.path()),
            Recording::Samples { .. } => None,
        }
    }
    /// Number of channels at its start; samples in memory are one channel.
    ///
    /// # Errors
    /// As [`AudioFile::channels`].
    pub fn channels(&self) -> Result<usize, AudioError> {
        match self {
            Recording::File { file, .. } => file.channels(),
            Recording::Samples { .. } => Ok(1),
        }
    }
}

impl<'a> From<&'a AudioFile> for Recording<'a> {
    fn from(file: &'a AudioFile) -> Self {
        Recording::File { file, channel: Channel::Mix }
    }
}
