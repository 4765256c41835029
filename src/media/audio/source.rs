//! Sources of samples: a file, standard input, a slice, all read the same way.

use super::AudioError;

/// Number of samples that [`SliceReader`] returns at a time.
const SLICE_BLOCK: usize = 16_384;

/// A source of mono samples in [-1, 1], read block by block.
pub trait Samples {
    /// Sample rate in Hz.
    fn sample_rate(&self) -> u32;

    /// Appends the next samples, at least one and a bounded number; `false`, with nothing appended, at the end and ever
    /// after.
    ///
    /// # Errors
    /// [`AudioError`] if the source cannot be read or decoded any further; this ends the source.
    fn read(&mut self, samples: &mut Vec<f32>) -> Result<bool, AudioError>;

    /// Warnings about the part read so far, one line each. Complete at the end.
    fn warnings(&self) -> &[String] {
        &[]
    }
}

impl<S: Samples + ?Sized> Samples for &mut S {
    fn sample_rate(&self) -> u32 {
        (**self).sample_rate()
    }

    fn read(&mut self, samples: &mut Vec<f32>) -> Result<bool, AudioError> {
        (**self).read(samples)
    }

    fn warnings(&self) -> &[String] {
        (**self).warnings()
    }
}

impl<S: Samples + ?Sized> Samples for Box<S> {
    fn sample_rate(&self) -> u32 {
        (**self).sample_rate()
    }

    fn read(&mut self, samples: &mut Vec<f32>) -> Result<bool, AudioError> {
        (**self).read(samples)
    }

    fn warnings(&self) -> &[String] {
        (**self).warnings()
    }
}

/// Samples in memory.
pub struct SliceReader<'a> {
    samples: &'a [f32],
    sample_rate: u32,
}

impl<'a> SliceReader<'a> {
    /// Reads mono samples in [-1, 1] at `sample_rate` Hz.
    pub fn new(samples: &'a [f32], sample_rate: u32) -> Self {
        Self { samples, sample_rate }
    }
}

impl Samples for SliceReader<'_> {
    fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    fn read(&mut self, samples: &mut Vec<f32>) -> Result<bool, AudioError> {
        let (block, rest) = self.samples.split_at(self.samples.len().min(SLICE_BLOCK));
        self.samples = rest;
        samples.extend_from_slice(block);
        Ok(!block.is_empty())
    }
}
