//! The one loop from a decoder's frames to mono samples, for files and streams alike.

use super::interleaved::Frames;
use super::mono::Mono;
use super::{AudioError, Channel};

/// Gives the frames of a recording, block by block.
pub(super) trait Decoder: Send {
    /// The next frames, a bounded number of them and perhaps none; `None` at the end. Not called again after the end
    /// or an error. `warnings` takes what is odd about the recording, though it can be used.
    fn next(&mut self, warnings: &mut Vec<String>) -> Result<Option<Frames<'_>>, AudioError>;
}

/// A decoder's frames as mono samples at one rate.
pub(super) struct MonoReader {
    /// None at the end.
    decoder: Option<Box<dyn Decoder>>,
    mono: Mono,
    warnings: Vec<String>,
}

impl MonoReader {
    pub(super) fn new(decoder: Box<dyn Decoder>, sample_rate: u32, channel: Channel) -> Result<Self, AudioError> {
        Ok(Self { decoder: Some(decoder), mono: Mono::new(sample_rate, channel)?, warnings: Vec::new() })
    }

    /// The channels of the first frames. Reads them: not for a reader that is used further.
    pub(super) fn channels(mut self) -> Result<usize, AudioError> {
        let Some(decoder) = &mut self.decoder else { return Err(AudioError::NoSamples) };
        while let Some(frames) = decoder.next(&mut self.warnings)? {
            if !frames.interleaved.is_empty() {
                return Ok(frames.channels);
            }
        }
        Err(AudioError::NoSamples)
    }

    pub(super) fn sample_rate(&self) -> u32 {
        self.mono.sample_rate()
    }

    pub(super) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// As [`super::Samples::read`] says.
    pub(super) fn read(&mut self, samples: &mut Vec<f32>) -> Result<bool, AudioError> {
        let before = samples.len();
        let result = self.read_block(samples);
        if result.is_err() {
            self.decoder = None;
        }
        result.map(|()| samples.len() > before)
    }

    /// Appends nothing only at the end.
    fn read_block(&mut self, samples: &mut Vec<f32>) -> Result<(), AudioError> {
        let before = samples.len();
        while samples.len() == before
            && let Some(decoder) = &mut self.decoder
        {
            match decoder.next(&mut self.warnings)? {
                Some(frames) => self.mono.push(&frames, samples)?,
                None => {
                    self.decoder = None;
                    self.mono.finish(samples, &mut self.warnings)?;
                }
            }
        }
        Ok(())
    }
}
