//! Speech detection while a recording is being read.

use super::probabilities::{Pace, Probabilities};
use super::stretch::Stretch;
use super::stretches::StretchFinder;
use crate::config::VadOptions;
use crate::error::Error;
use crate::models::capability::VoiceDetector;

/// Finds the stretches of speech of one recording. Its state does not grow with the recording, and its result does not
/// depend on how the samples are divided into pushes.
///
/// A stretch is returned once nothing that follows can change it: about `min_silence_ms` (or twice `pad_ms`, if that is
/// more) and half a second after its end.
pub struct SpeechDetector {
    probabilities: Probabilities,
    finder: StretchFinder,
    samples: u64,
}

impl SpeechDetector {
    /// A detector at the start of a recording.
    ///
    /// # Errors
    /// [`Error::Request`] for options out of range; [`Error::Engine`] if ONNX Runtime cannot allocate the network's
    /// state.
    pub fn new(vad: &dyn VoiceDetector, options: &VadOptions) -> Result<Self, Error> {
        Self::at(vad, options, Pace::RECORDING)
    }

    /// As [`SpeechDetector::new`], for live sound: a stretch is returned an eighth of a second after nothing can change it
    /// any more, whatever its level.
    ///
    /// # Errors
    /// As [`SpeechDetector::new`].
    pub fn live(vad: &dyn VoiceDetector, options: &VadOptions) -> Result<Self, Error> {
        Self::at(vad, options, Pace::LIVE)
    }

    fn at(vad: &dyn VoiceDetector, options: &VadOptions, pace: Pace) -> Result<Self, Error> {
        let out_of_range = |problem| Error::Request { model: vad.name().to_string(), problem };
        options.check().map_err(out_of_range)?;
        let finder = StretchFinder::new(options, vad.audio());
        Ok(SpeechDetector { probabilities: Probabilities::at(vad, pace)?, finder, samples: 0 })
    }

    /// Accepts the next samples, any number of them: mono, in [-1, 1], at the detector's sample rate. Returns the
    /// stretches that they settle. Samples that are not finite count as 0. `vad` must be the one passed to
    /// [`SpeechDetector::new`].
    ///
    /// # Errors
    /// [`Error::Engine`] if the graph fails.
    pub fn push(&mut self, vad: &dyn VoiceDetector, samples: &[f32]) -> Result<Vec<Stretch>, Error> {
        self.samples += samples.len() as u64;
        let mut found = Vec::new();
        for probability in self.probabilities.push(vad, samples)? {
            self.finder.push(probability, &mut found);
        }
        Ok(found)
    }

    /// Ends the recording and returns its last stretches.
    ///
    /// # Errors
    /// As [`SpeechDetector::push`].
    pub fn finish(self, vad: &dyn VoiceDetector) -> Result<Vec<Stretch>, Error> {
        let last = self.probabilities.finish(vad)?;
        Ok(self.finder.finish(&last, self.samples))
    }

    /// Samples pushed so far.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// No later stretch begins before this sample, so earlier samples need not be kept.
    pub fn undecided_from(&self) -> u64 {
        self.finder.undecided_from()
    }

    /// The first sample of the current stretch of speech; `None` in silence.
    pub fn speaking_since(&self) -> Option<u64> {
        self.finder.speaking_since()
    }

    /// The first sample of the current pause in the current stretch of speech.
    pub fn pausing_since(&self) -> Option<u64> {
        self.finder.pausing_since()
    }
}
