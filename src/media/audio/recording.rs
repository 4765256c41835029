//! A recording that can be read more than once.

use std::path::Path;

use super::{AudioError, AudioReader, Samples, SliceReader};

/// Sound that can be read again from its start.
#[derive(Debug, Clone, Copy)]
pub enum Recording<'a> {
    /// A file of any format that [`AudioReader`] knows.
    File(&'a Path),
    /// Mono samples in [-1, 1].
    Samples {
        /// The samples.
        samples: &'a [f32],
        /// Samples a second.
        sample_rate: u32,
    },
}

impl<'a> Recording<'a> {
    /// Opens it at its start, to be read as mono samples at `sample_rate` Hz.
    ///
    /// # Errors
    /// As [`AudioReader::open`]; [`AudioError::OtherRate`] for samples of another rate.
    pub fn open(&self, sample_rate: u32) -> Result<Box<dyn Samples + 'a>, AudioError> {
        match *self {
            Recording::File(path) => Ok(Box::new(AudioReader::open(path, sample_rate)?)),
            Recording::Samples { samples, sample_rate: found } if found == sample_rate => {
                Ok(Box::new(SliceReader::new(samples, sample_rate)))
            }
            Recording::Samples { sample_rate: found, .. } => Err(AudioError::OtherRate { found, wanted: sample_rate }),
        }
    }

    /// The file, if it is one.
    pub fn path(&self) -> Option<&'a Path> {
        match self {
            Recording::File(path) => Some(path),
            Recording::Samples { .. } => None,
        }
    }
}
