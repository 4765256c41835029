//! The loop from a decoder's frames to mono samples, for files and streams alike.

use super::interleaved::Frames;
use super::mono::Mono;
use super::{AudioError, Channel};

/// Returns the frames of a recording, block by block.
pub(super) trait Decoder: Send {
    /// The next frames, a bounded number of them and perhaps none; `None` at the end. Not called again after the end or
    /// an error. Adds to `warnings` what is odd about a recording that is usable nevertheless.
    fn next(&mut self, warnings: &mut Vec<String>) -> Result<Option<Frames<'_>>, AudioError>;
}

/// Fallback decoder, after an error before the first frame.
pub(super) type Fallback = Box<dyn FnOnce(AudioError) -> Result<Box<dyn Decoder>, AudioError> + Send>;

/// A decoder's frames as mono samples at one rate.
pub(super) struct MonoReader {
    /// `None` at the end.
    decoder: Option<Box<dyn Decoder>>,
    /// `None` once there were frames.
    fallback: Option<Fallback>,
    mono: Mono,
    warnings: Vec<String>,
}

impl MonoReader {
    pub(super) fn new(decoder: Box<dyn Decoder>, sample_rate: u32, channel: Channel) -> Result<Self, AudioError> {
        Ok(Self {
            decoder: Some(decoder),
            fallback: None,
            mono: Mono::new(sample_rate, channel)?,
            warnings: Vec::new(),
        })
    }

    /// Sets a fallback decoder, in case the first one fails before its first frame.
    pub(super) fn with_fallback(self, fallback: Fallback) -> Self {
        Self { fallback: Some(fallback), ..self }
    }

    /// Number of channels of the first frames. Consumes them, so the reader must not be used afterwards.
    pub(super) fn channels(mut self) -> Result<usize, AudioError> {
        while let Some(decoder) = &mut self.decoder {
            match decoder.next(&mut self.warnings) {
                Ok(Some(frames)) if !frames.interleaved.is_empty() => return Ok(frames.channels),
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => {
                    self.decoder = Some(instead(self.fallback.take(), error)?);
                }
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

    /// As [`super::Samples::read`].
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
            match decoder.next(&mut self.warnings) {
                Ok(Some(frames)) => {
                    if !frames.interleaved.is_empty() {
                        self.fallback = None;
                    }
                    self.mono.push(&frames, samples)?;
                }
                Ok(None) => {
                    self.decoder = None;
                    self.mono.finish(samples, &mut self.warnings)?;
                }
                Err(error) => {
                    self.decoder = Some(instead(self.fallback.take(), error)?);
                }
            }
        }
        Ok(())
    }
}

/// The fallback decoder after an error, if there is one.
fn instead(fallback: Option<Fallback>, error: AudioError) -> Result<Box<dyn Decoder>, AudioError> {
    match fallback {
        Some(fallback) => fallback(error),
        None => Err(error),
    }
}
