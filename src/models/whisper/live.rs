//! Live transcription: partial and final texts of sound that is still arriving.

use std::time::Duration;

use super::Whisper;
use super::long_form::LongForm;
use super::nothing_heard::nothing_heard;
use super::parts::Detection;
use crate::config::{Channels, EncoderContext, Temperatures, Timestamps, TranscribeOptions, VadOptions};
use crate::error::Error;
use crate::models::capability::{LiveTranscriber, VoiceDetector};
use crate::models::transcript::LiveEvent;
use crate::models::vad::{SpeechDetector, Stretch};

/// Amount of new speech after which a partial text is decoded again.
const PARTIAL_EVERY: Duration = Duration::from_secs(1);

/// Live speech is kept in memory until it is decoded, so a longer stretch is cut, whatever `max_speech_s` allows.
const LONGEST_SPEECH_S: f64 = 120.0;

/// State of a live transcription, which does not grow with the stream.
pub struct Live<'o> {
    options: &'o TranscribeOptions,
    detector: SpeechDetector,
    long_form: Option<LongForm<'o>>,
    detection: Detection,
    /// End of the last stretch of speech.
    spoken_to: u64,
    /// Seconds of speech so far.
    speech: f64,
    /// The largest absolute sample.
    peak: f32,
    /// The samples from `first` on, which a later stretch may contain.
    held: Vec<f32>,
    first: u64,
    /// Length of the current speech when it was last decoded.
    decoded_to: u64,
    /// Whether the start of the current speech was reported.
    speaking: bool,
    /// Samples per second.
    rate: f64,
}

/// A live transcription with its models.
pub(super) struct Leased<'a> {
    live: Live<'a>,
    whisper: &'a Whisper,
    vad: &'a dyn VoiceDetector,
}

impl<'a> Leased<'a> {
    pub fn new(
        whisper: &'a Whisper,
        vad: &'a dyn VoiceDetector,
        options: &'a TranscribeOptions,
    ) -> Result<Self, Error> {
        Ok(Leased { live: Live::new(whisper, vad, options)?, whisper, vad })
    }
}

impl LiveTranscriber for Leased<'_> {
    fn push(&mut self, samples: &[f32], caught_up: bool) -> Result<Vec<LiveEvent>, Error> {
        self.live.push(self.whisper, self.vad, samples, caught_up)
    }

    fn finish(&mut self) -> Result<Vec<LiveEvent>, Error> {
        self.live.finish(self.whisper, self.vad)
    }

    fn nothing_heard(&self) -> String {
        self.live.nothing_heard()
    }
}

impl<'o> Live<'o> {
    /// A live transcription at the start of a stream.
    ///
    /// # Errors
    /// [`Error::Request`] for options the model cannot fulfil.
    pub fn new(whisper: &Whisper, vad: &dyn VoiceDetector, options: &'o TranscribeOptions) -> Result<Self, Error> {
        whisper.check(options, true)?;
        if !options.clip_timestamps.is_empty() {
            return Err(whisper.cannot("clip_timestamps: only for recordings, not for live sound".to_string()));
        }
        if options.channels != Channels::Mix {
            return Err(whisper.cannot("channels: live sound is transcribed as one mix".to_string()));
        }
        let mut speech = options.vad.options.unwrap_or_else(VadOptions::live);
        if speech.max_speech_s > LONGEST_SPEECH_S {
            log::warn!(
                "live speech is cut after {LONGEST_SPEECH_S} s at the latest, instead of after `max_speech_s` of {}",
                speech.max_speech_s
            );
            speech.max_speech_s = LONGEST_SPEECH_S;
        }
        let detector = SpeechDetector::new(vad, &speech)?;
        Ok(Live {
            options,
            detector,
            long_form: None,
            detection: Detection::of(options, whisper.spec.multilingual),
            spoken_to: 0,
            speech: 0.0,
            peak: 0.0,
            held: Vec::new(),
            first: 0,
            decoded_to: 0,
            speaking: false,
            rate: f64::from(whisper.sample_rate()),
        })
    }

    /// Accepts the next samples, mono in [-1, 1] at [`Whisper::sample_rate`], and returns the segments that they
    /// settle. `caught_up` means that no more samples are waiting, so there is time for a partial text.
    ///
    /// # Errors
    /// [`Error::Engine`] if a graph fails.
    pub fn push(
        &mut self,
        whisper: &Whisper,
        vad: &dyn VoiceDetector,
        samples: &[f32],
        caught_up: bool,
    ) -> Result<Vec<LiveEvent>, Error> {
        self.held.extend_from_slice(samples);
        self.peak = samples.iter().fold(self.peak, |peak, sample| peak.max(sample.abs()));
        let stretches = self.detector.push(vad, samples)?;
        let mut events = self.decode(whisper, &stretches)?;
        let from = self.detector.undecided_from();
        self.let_go(from);
        let since = self.detector.speaking_since();
        match since {
            Some(since) => events.extend(self.begin_speech(since)),
            // It was too short to be speech.
            None => events.extend(self.end_speech(self.detector.samples())),
        }
        if let Some(since) = since.filter(|_| caught_up) {
            let new = self.detector.samples() - self.decoded_to.max(since);
            if new as f64 >= PARTIAL_EVERY.as_secs_f64() * self.rate {
                events.extend(self.partial(whisper)?);
            }
        }
        Ok(events)
    }

    /// Why nothing was heard, for a stream that ended without any text.
    pub fn nothing_heard(&self) -> String {
        nothing_heard(Some(self.speech), self.peak)
    }

    /// Ends the stream and returns the last segments.
    ///
    /// # Errors
    /// As [`Live::push`].
    pub fn finish(&mut self, whisper: &Whisper, vad: &dyn VoiceDetector) -> Result<Vec<LiveEvent>, Error> {
        let spent = SpeechDetector::new(vad, &VadOptions::live())?;
        let end = self.detector.samples();
        let stretches = std::mem::replace(&mut self.detector, spent).finish(vad)?;
        let mut events = self.decode(whisper, &stretches)?;
        events.extend(self.end_speech(end));
        Ok(events)
    }

    /// The event for speech from sample `start` on, unless it was reported.
    fn begin_speech(&mut self, start: u64) -> Option<LiveEvent> {
        let event = LiveEvent::SpeechStarted { start: start as f64 / self.rate };
        (!std::mem::replace(&mut self.speaking, true)).then_some(event)
    }

    /// The event for speech that ends at sample `end`, if its start was reported.
    fn end_speech(&mut self, end: u64) -> Option<LiveEvent> {
        let event = LiveEvent::SpeechEnded { end: end as f64 / self.rate };
        std::mem::replace(&mut self.speaking, false).then_some(event)
    }

    /// Decodes completed stretches of speech.
    fn decode(&mut self, whisper: &Whisper, stretches: &[Stretch]) -> Result<Vec<LiveEvent>, Error> {
        let mut events = Vec::new();
        for stretch in stretches {
            events.extend(self.begin_speech(stretch.start));
            self.decode_stretch(whisper, stretch, &mut events)?;
            events.extend(self.end_speech(stretch.end));
        }
        Ok(events)
    }

    /// Decodes one stretch of speech and appends its segments to `events`.
    fn decode_stretch(
        &mut self,
        whisper: &Whisper,
        stretch: &Stretch,
        events: &mut Vec<LiveEvent>,
    ) -> Result<(), Error> {
        let samples = self.samples(stretch.start, stretch.end);
        let log_mel = whisper.log_mel().compute(samples, 0);
        if log_mel.ncols() == 0 {
            return Ok(());
        }
        let rate = self.rate;
        let pause = stretch.start.saturating_sub(self.spoken_to) as f64 / rate;
        let language = match &self.long_form {
            Some(_) if self.detection.pause().is_none_or(|least| pause < least) => None,
            Some(_) => self.language(whisper, samples, self.detection.least(self.options))?,
            None => Some(self.language(whisper, samples, 0.0)?.unwrap_or_else(|| "en".to_string())),
        };
        if let Some(language) = language {
            match &mut self.long_form {
                Some(long_form) => long_form.speak(language),
                none => {
                    let long_form = LongForm::new(whisper, language, self.options, usize::MAX)?;
                    *none = Some(long_form.mark_languages(self.detection != Detection::Once));
                }
            }
        }
        let Some(long_form) = &mut self.long_form else { return Ok(()) };
        let seek = (stretch.start / whisper.spec.audio.hop_length as u64) as usize;
        whisper.transcribe_rest(log_mel.view(), seek, 0, long_form)?;
        // A pause or other speech follows the stretch.
        let (start, end) = (stretch.start as f64 / rate, stretch.end as f64 / rate);
        for mut segment in long_form.take_segments() {
            segment.keep_within(start, end);
            if segment.start < segment.end {
                events.push(LiveEvent::Final(segment.trimmed()));
            }
        }
        (self.spoken_to, self.decoded_to) = (stretch.end, stretch.end);
        self.speech += stretch.samples() as f64 / rate;
        Ok(())
    }

    /// Partial text of the current speech, decoded greedily with as short an encoder context as possible.
    fn partial(&mut self, whisper: &Whisper) -> Result<Option<LiveEvent>, Error> {
        let options = TranscribeOptions {
            timestamps: Timestamps::None,
            temperature: Temperatures(vec![0.0]),
            beams: 1,
            ..self.options.clone()
        };
        self.decoded_to = self.detector.samples();
        let most = whisper.spec.audio.chunk_samples();
        let samples = &self.held[..self.held.len().min(most)];
        let log_mel = whisper.log_mel().compute(samples, 0);
        let language = match &self.long_form {
            Some(long_form) => long_form.language().to_string(),
            None => self.language(whisper, samples, 0.0)?.unwrap_or_else(|| "en".to_string()),
        };
        let window = whisper.encode_window(log_mel.view(), EncoderContext::Adaptive)?;
        let prompt = whisper.prompt(&language, options.task, false)?;
        let decoded = whisper.decode_windows(&window, &prompt, &options)?.remove(0);
        let text = whisper.text(&decoded.tokens).trim().to_string();
        if decoded.is_silence(&options) || decoded.is_doubtful(&options) || text.is_empty() {
            return Ok(None);
        }
        let rate = self.rate;
        let (start, end) = (self.first as f64 / rate, (self.first + samples.len() as u64) as f64 / rate);
        Ok(Some(LiveEvent::Partial { start, end, text }))
    }

    /// The requested language, or the one detected in `samples` if its probability is above `least`.
    fn language(&self, whisper: &Whisper, samples: &[f32], least: f32) -> Result<Option<String>, Error> {
        if let Some(language) = whisper.known_language(self.options)? {
            return Ok(Some(language));
        }
        let window = whisper.spec.audio.chunk_samples();
        let samples = &samples[..samples.len().min(window)];
        let log_mel = whisper.log_mel().compute(samples, window - samples.len());
        let encoded = whisper.encode_first(log_mel.view(), self.options)?;
        let languages = whisper.detect_language(&encoded)?;
        Ok(languages.into_iter().next().filter(|(_, probability)| *probability > least).map(|(code, _)| code))
    }

    /// Kept samples by their positions in the stream.
    fn samples(&self, start: u64, end: u64) -> &[f32] {
        let place = |at: u64| (at.saturating_sub(self.first) as usize).min(self.held.len());
        &self.held[place(start)..place(end)]
    }

    /// Drops the samples before `from`.
    fn let_go(&mut self, from: u64) {
        let passed = (from.saturating_sub(self.first) as usize).min(self.held.len());
        self.held.drain(..passed);
        self.first += passed as u64;
    }
}
