//! Live sound to utterances.

use std::sync::Arc;

use super::detector::SpeechDetector;
use crate::config::VadOptions;
use crate::error::Error;
use crate::models::capability::VoiceDetector;

/// Live speech is kept in memory, so a longer utterance is divided, whatever `max_speech_s` allows.
const LONGEST_SPEECH_S: f64 = 120.0;

/// A pause of this length may be the end of an utterance, in milliseconds.
const PAUSE_MS: u64 = 200;

/// Something said, from its first word to the pause after its last.
#[derive(Debug, Clone, PartialEq)]
pub struct Utterance {
    /// The sample of the stream at which [`Utterance::samples`] begin: before the speech, to have its first sound.
    pub first: u64,
    /// The sample of the stream at which speech begins.
    pub start: u64,
    /// The sample of the stream at which speech ends.
    pub end: u64,
    /// Mono samples in [-1, 1] at the detector's sample rate.
    pub samples: Arc<[f32]>,
}

impl Utterance {
    /// Speech from sample `start` to `end` of a stream, in `samples` that begin with `first`.
    pub fn new(first: u64, start: u64, end: u64, samples: Arc<[f32]>) -> Self {
        Utterance { first, start, end, samples }
    }
}

/// What happens in live sound.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum UtteranceEvent {
    /// Somebody speaks from this sample on.
    Started(u64),
    /// A pause, which may be the end of the utterance: what would then be [`UtteranceEvent::Ended`], if nothing follows.
    Paused(Utterance),
    /// The utterance has ended.
    Ended(Utterance),
}

/// Divides live sound into utterances. Memory does not grow with the stream.
pub struct Utterances {
    detector: SpeechDetector,
    min_speech: u64,
    /// Sound before and after speech that is part of an utterance, in samples.
    pre_roll: u64,
    after: u64,
    pause: u64,
    /// The samples from `first` on.
    held: Vec<f32>,
    first: u64,
    /// End of the last utterance's samples.
    taken_to: u64,
    /// Whether the start of the current utterance was reported.
    speaking: bool,
    /// The pause that was reported last.
    reported_pause: Option<u64>,
}

impl Utterances {
    /// The start of a stream. The options are those of [`SpeechDetector`]; `pad_ms` is the sound after the speech that is
    /// part of an utterance, and `pre_roll_ms` the sound before it, as far as no other utterance has it.
    ///
    /// # Errors
    /// As [`SpeechDetector::new`].
    pub fn new(vad: &dyn VoiceDetector, options: &VadOptions, pre_roll_ms: u64) -> Result<Self, Error> {
        let samples = |ms: u64| u64::from(vad.audio().sample_rate) * ms / 1_000;
        let unpadded = VadOptions { pad_ms: 0, max_speech_s: options.max_speech_s.min(LONGEST_SPEECH_S), ..*options };
        Ok(Utterances {
            detector: SpeechDetector::live(vad, &unpadded)?,
            min_speech: samples(options.min_speech_ms.into()),
            pre_roll: samples(pre_roll_ms),
            after: samples(u64::from(options.pad_ms).min(options.min_silence_ms.into())),
            pause: samples(PAUSE_MS.min(options.min_silence_ms.into())),
            held: Vec::new(),
            first: 0,
            taken_to: 0,
            speaking: false,
            reported_pause: None,
        })
    }

    /// Accepts the next samples, mono in [-1, 1] at the detector's sample rate, and returns what they settle.
    ///
    /// # Errors
    /// [`Error::Engine`] if the graph fails.
    pub fn push(&mut self, vad: &dyn VoiceDetector, samples: &[f32]) -> Result<Vec<UtteranceEvent>, Error> {
        self.held.extend_from_slice(samples);
        let ended = self.detector.push(vad, samples)?;
        let mut events = Vec::new();
        for stretch in ended {
            self.end(stretch.start, stretch.end, &mut events);
        }
        let heard = self.detector.samples();
        if let Some(since) = self.detector.speaking_since() {
            let to = self.detector.pausing_since().unwrap_or(heard);
            if !self.speaking && to.saturating_sub(since) > self.min_speech {
                self.speaking = true;
                events.push(UtteranceEvent::Started(since));
            }
            let pause = self.detector.pausing_since().filter(|quiet| heard - quiet >= self.pause.max(self.after));
            if self.speaking && pause.is_some() && pause != self.reported_pause {
                let end = pause.unwrap_or(heard);
                events.push(UtteranceEvent::Paused(self.utterance(since, end)));
                self.reported_pause = pause;
            }
        }
        self.let_go();
        Ok(events)
    }

    /// Ends the stream and returns its last events.
    ///
    /// # Errors
    /// As [`Utterances::push`].
    pub fn finish(mut self, vad: &dyn VoiceDetector) -> Result<Vec<UtteranceEvent>, Error> {
        let spent = SpeechDetector::live(vad, &VadOptions::live())?;
        let mut events = Vec::new();
        for stretch in std::mem::replace(&mut self.detector, spent).finish(vad)? {
            self.end(stretch.start, stretch.end, &mut events);
        }
        Ok(events)
    }

    /// The current utterance so far, while somebody speaks.
    pub fn current(&self) -> Option<Utterance> {
        let since = self.detector.speaking_since().filter(|_| self.speaking)?;
        Some(self.utterance(since, self.detector.samples()))
    }

    /// Number of samples pushed so far.
    pub fn samples(&self) -> u64 {
        self.detector.samples()
    }

    fn end(&mut self, start: u64, end: u64, events: &mut Vec<UtteranceEvent>) {
        if !std::mem::replace(&mut self.speaking, false) {
            events.push(UtteranceEvent::Started(start));
        }
        let utterance = self.utterance(start, end);
        self.taken_to = utterance.first + utterance.samples.len() as u64;
        self.reported_pause = None;
        events.push(UtteranceEvent::Ended(utterance));
    }

    /// The utterance with speech from `start` to `end`, both samples of the stream.
    fn utterance(&self, start: u64, end: u64) -> Utterance {
        let first = start.saturating_sub(self.pre_roll).max(self.taken_to.min(start)).max(self.first);
        let place = |at: u64| (at.saturating_sub(self.first) as usize).min(self.held.len());
        Utterance { first, start, end, samples: self.held[place(first)..place(end + self.after)].into() }
    }

    /// Drops the samples that no later utterance can have.
    fn let_go(&mut self) {
        let from = self.detector.undecided_from().saturating_sub(self.pre_roll);
        let passed = (from.saturating_sub(self.first) as usize).min(self.held.len());
        self.held.drain(..passed);
        self.first += passed as u64;
    }
}
