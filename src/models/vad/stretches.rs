//! From probabilities to stretches of speech: Silero VAD's `get_speech_timestamps_from_probs` (version 6.2), one
//! probability at a time.

use super::padding::Padding;
use super::stretch::Stretch;
use crate::config::VadOptions;
use crate::config::model_folder::VadAudio;

/// A pause at which a stretch over the maximum length may be cut must be longer than this, in milliseconds.
const MIN_PAUSE_MS: u32 = 98;

/// Finds the stretches of one recording. Its state does not grow with the recording.
pub struct StretchFinder {
    threshold: f64,
    neg_threshold: f64,
    chunk: u64,
    min_speech: u64,
    min_silence: u64,
    min_pause: u64,
    max_speech: f64,
    /// First sample of the next chunk.
    at: u64,
    /// Start of the current stretch.
    start: Option<u64>,
    /// Start of the current pause in it.
    quiet_since: Option<u64>,
    /// The longest pause in it so far: first sample and length.
    pause: Option<(u64, u64)>,
    padding: Padding,
}

impl StretchFinder {
    /// The state at the start of a recording; `options` must have passed [`VadOptions::check`].
    pub fn new(options: &VadOptions, audio: VadAudio) -> Self {
        let samples = |ms: u32| u64::from(audio.sample_rate) * u64::from(ms) / 1_000;
        let (chunk, pad) = (audio.chunk_samples as u64, samples(options.pad_ms));
        StretchFinder {
            threshold: options.threshold,
            neg_threshold: options.neg_threshold(),
            chunk,
            min_speech: samples(options.min_speech_ms),
            min_silence: samples(options.min_silence_ms),
            min_pause: samples(MIN_PAUSE_MS),
            max_speech: f64::from(audio.sample_rate) * options.max_speech_s - (chunk + 2 * pad) as f64,
            at: 0,
            start: None,
            quiet_since: None,
            pause: None,
            padding: Padding::new(pad),
        }
    }

    /// Processes the probability of the next chunk; stretches whose ends are both settled are added to `found`.
    pub fn push(&mut self, probability: f32, found: &mut Vec<Stretch>) {
        if let Some(stretch) = self.step(probability) {
            found.extend(self.padding.accept(stretch));
        }
        found.extend(self.padding.settle(self.next_start()));
    }

    /// Ends the recording, which has `samples` samples and ends with the chunks of `probabilities`, and returns its
    /// last stretches.
    pub fn finish(mut self, probabilities: &[f32], samples: u64) -> Vec<Stretch> {
        let mut found = Vec::new();
        // The last chunk settles nothing, because it may reach past the end of the recording.
        for &probability in probabilities {
            let stretch = self.step(probability);
            found.extend(stretch.and_then(|stretch| self.padding.accept(stretch)));
        }
        if let Some(start) = self.start.filter(|start| samples.saturating_sub(*start) > self.min_speech) {
            found.extend(self.padding.accept(Stretch { start, end: samples }));
        }
        found.extend(self.padding.finish(samples));
        found
    }

    /// No later stretch begins before this sample, so earlier samples need not be kept.
    pub fn undecided_from(&self) -> u64 {
        self.padding.undecided_from(self.next_start())
    }

    /// Start of the current stretch; `None` in silence.
    pub fn speaking_since(&self) -> Option<u64> {
        self.start
    }

    /// Start of the current pause in the current stretch.
    pub fn pausing_since(&self) -> Option<u64> {
        self.quiet_since
    }

    /// The earliest sample at which the next stretch can begin, without padding.
    fn next_start(&self) -> u64 {
        self.start.unwrap_or(self.at)
    }

    /// Advances by one chunk and returns the stretch, without padding, that ended or was cut with it.
    fn step(&mut self, probability: f32) -> Option<Stretch> {
        let (at, probability) = (self.at, f64::from(probability));
        self.at += self.chunk;
        let speech = probability >= self.threshold;
        if speech && let Some(since) = self.quiet_since.take() {
            let length = at - since;
            if length > self.min_pause && self.pause.is_none_or(|(_, longest)| length > longest) {
                self.pause = Some((since, length));
            }
        }
        let Some(mut start) = self.start else {
            self.start = speech.then_some(at);
            return None;
        };

        let mut cut = None;
        if (at - start) as f64 > self.max_speech {
            let (end, next) = match self.pause {
                Some((since, length)) => (since, Some(since + length)),
                None => (at, None),
            };
            cut = Some(Stretch { start, end });
            (self.start, self.quiet_since, self.pause) = (next, None, None);
            match next {
                Some(next) => start = next,
                None => return cut,
            }
        }
        if probability < self.neg_threshold {
            let since = *self.quiet_since.get_or_insert(at);
            if at - since >= self.min_silence {
                (self.start, self.quiet_since, self.pause) = (None, None, None);
                // A stretch cannot both be cut at a pause and end in zero-length silence: there is at most one stretch.
                return cut.or((since - start > self.min_speech).then_some(Stretch { start, end: since }));
            }
        }
        cut
    }
}
