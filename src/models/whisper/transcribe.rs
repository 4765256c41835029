//! Transcribes recordings of any length, window by window.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, s};

use super::Whisper;
use super::long_form::{LongForm, Place};
use super::nothing_heard::nothing_heard;
use super::parts::Detection;
use super::survey::Survey;
use crate::config::TranscribeOptions;
use crate::error::Error;
use crate::media::audio::{Recording, Samples, Spectrogram};
use crate::models::capability::{OnProgress, VoiceDetector};
use crate::models::generation::CrossAttention;
use crate::models::transcript::{Segment, Transcript};
use crate::models::vad::{Edge, SpeechMap};

/// Less probable languages are not listed in a transcript.
const LEAST_SHOWN: f32 = 0.01;

/// The unfinished end of a window decoded in a batch is decoded again unless it is shorter than this; then it is the
/// silence after the speech.
const SHORTEST_REST_SECONDS: f64 = 1.0;

impl Whisper {
    /// Transcribes a recording. With a `vad`, only the detected speech is decoded; times still refer to the recording.
    /// Apart from the text, memory does not grow with the recording.
    ///
    /// # Errors
    /// [`Error::Request`] for options the model cannot fulfil; [`Error::Audio`], [`Error::Input`] for a recording that
    /// cannot be read; [`Error::Engine`] if a graph fails.
    pub fn transcribe(
        &self,
        recording: &Recording,
        vad: Option<&dyn VoiceDetector>,
        options: &TranscribeOptions,
        progress: &mut OnProgress,
    ) -> Result<Transcript, Error> {
        self.check(options, vad.is_some())?;
        let log_mel = self.log_mel.clone();
        let speech = options.vad.options.unwrap_or_default();
        let vad = vad.filter(|_| options.finds_speech());
        let survey = Survey::new(recording, &log_mel, vad.map(|vad| (vad, &speech)))?;
        let map = survey.stretches.as_deref().map(SpeechMap::new);
        let detection = Detection::of(options, self.spec.multilingual);
        let parts = self.parts(&survey, options, detection);

        let (language, languages) = match (self.known_language(options)?, parts.first()) {
            (Some(language), _) => (Some(language), Vec::new()),
            (None, None) => (None, Vec::new()),
            (None, Some(first)) => {
                let languages =
                    self.languages_of(&mut survey.spectrogram(&log_mel)?, &survey, first.clone(), options)?;
                (languages.first().map(|(code, _)| code.clone()), languages)
            }
        };
        let spoken = language.clone().unwrap_or_else(|| "en".to_string());
        let changes = detection == Detection::Windows || (detection == Detection::Parts && parts.len() > 1);
        let mut long_form = LongForm::new(self, spoken, options, self.content(&survey))?
            .mark_languages(changes)
            .keep_windows_apart(map.is_some());
        let mut report = |frame: usize, whisper: &Whisper| {
            let done = whisper.seconds(frame);
            let rate = whisper.sample_rate();
            progress(map.as_ref().map_or(done, |map| map.seconds(done, Edge::End, rate)), survey.seconds());
        };
        let mut spectrogram = survey.spectrogram(&log_mel)?;
        if options.batch_size > 1 {
            for clips in self.clips(&survey, &parts, detection).chunks(options.batch_size) {
                self.transcribe_clips(&mut spectrogram, &survey, clips, detection, &mut long_form)?;
                report(clips.last().map_or(0, |(clip, _)| clip.end), self);
            }
        } else {
            for (index, part) in parts.iter().enumerate() {
                let mut seek = part.start;
                while seek < part.end {
                    let frames = self.spec.audio.chunk_frames().min(part.end - seek);
                    let window = spectrogram.window(seek, frames).map_err(|source| survey.unreadable(source))?;
                    let encoded = self.encode_first(window.log_mel.view(), options)?;
                    let begins = index > 0 && seek == part.start;
                    if let Some(language) =
                        self.language_now(window.log_mel.view(), &encoded, begins, detection, options)?
                    {
                        long_form.speak(language);
                    }
                    let (encoded, decoded) = long_form.decode_one(self, window.log_mel.view(), encoded)?;
                    seek += long_form.take(self, &encoded, 0, &decoded, Place { seek, frames })?;
                    report(seek.min(part.end), self);
                }
            }
        }

        let mut segments = long_form.take_segments();
        if let Some(map) = &map {
            segments.iter_mut().for_each(|segment| segment.place(map, self.sample_rate()));
        }
        let speech = map.map(|map| map.samples() as f64 / f64::from(self.sample_rate()));
        let mut warnings = survey.warnings.clone();
        warnings.extend(options.clip_timestamps.beyond(survey.seconds()));
        if segments.is_empty() {
            warnings.push(nothing_heard(speech, survey.peak));
        }
        Ok(Transcript {
            text: segments.iter().map(|segment| segment.text.as_str()).collect::<String>().trim().to_string(),
            language,
            language_probability: languages.first().map(|&(_, probability)| probability),
            languages: languages.into_iter().take_while(|&(_, probability)| probability >= LEAST_SHOWN).collect(),
            duration: survey.seconds(),
            speech,
            segments: segments.into_iter().map(Segment::trimmed).collect(),
            warnings,
        })
    }

    /// Decodes windows as a batch, then separately the unfinished end of each of them.
    fn transcribe_clips(
        &self,
        spectrogram: &mut Spectrogram<impl Samples>,
        survey: &Survey,
        clips: &[(Range<usize>, bool)],
        detection: Detection,
        long_form: &mut LongForm,
    ) -> Result<(), Error> {
        let options = long_form.options();
        let mut spectrograms = Vec::with_capacity(clips.len());
        let mut languages: Vec<String> = Vec::with_capacity(clips.len());
        let mut windows = None;
        // All windows of a batch must have the length of the longest.
        let longest = clips.iter().map(|(clip, _)| clip.len()).max().unwrap_or(0);
        let tentative = self.is_tentative(longest, options);
        let longest = self.context_frames(longest, options.first_context());
        for (index, (clip, begins_part)) in clips.iter().enumerate() {
            let window = spectrogram.window(clip.start, clip.len()).map_err(|source| survey.unreadable(source))?;
            let encoded = self.encode(window.log_mel.view(), longest)?;
            let begins = *begins_part && clip.start > 0;
            let before = languages.last().map_or(long_form.language(), String::as_str).to_string();
            let heard = window.log_mel.view();
            languages.push(self.language_now(heard, &encoded, begins, detection, options)?.unwrap_or(before));
            spectrograms.push(window.log_mel);
            match &mut windows {
                None if clips.len() == 1 => windows = Some(encoded),
                None => windows.insert(encoded.room_for(clips.len())?).put(index, &encoded)?,
                Some(windows) => windows.put(index, &encoded)?,
            }
        }
        let Some(windows) = windows else { return Ok(()) };
        // A prompt is in one language: windows in several are decoded one by one.
        let together = languages.windows(2).all(|pair| pair[0] == pair[1]);
        if let Some(language) = languages.first().filter(|_| together) {
            long_form.speak(language.clone());
        }
        let mut decoded = if together { long_form.decode(self, &windows, tentative)? } else { Vec::new() };
        for (index, ((clip, _), log_mel)) in clips.iter().zip(&spectrograms).enumerate() {
            if !together {
                long_form.speak(languages[index].clone());
                decoded.extend(long_form.decode(self, &windows.window(index)?, tentative)?);
            }
            let whole = Place { seek: clip.start, frames: clip.len() };
            let settled = if tentative { long_form.settle(self, log_mel.view(), &decoded[index])? } else { None };
            let done = match settled {
                Some((encoded, decoded)) => long_form.take(self, &encoded, 0, &decoded, whole)?,
                None => long_form.take(self, &windows, index, &decoded[index], whole)?,
            };
            self.transcribe_rest(log_mel.view(), clip.start, done, long_form)?;
        }
        Ok(())
    }

    /// The language of a window, `log_mel`, if `detection` requires detecting it there; `begins` says whether the
    /// window begins a part other than the first.
    fn language_now(
        &self,
        log_mel: ArrayView2<f32>,
        encoded: &CrossAttention,
        begins: bool,
        detection: Detection,
        options: &TranscribeOptions,
    ) -> Result<Option<String>, Error> {
        let languages = match detection {
            Detection::Windows => self.detect_language(encoded)?,
            Detection::Parts if begins => {
                // Languages are distinguished best with silence after the speech, as in openai-whisper, rather than
                // with the zeros used for decoding.
                let silence = log_mel.iter().copied().fold(f32::INFINITY, f32::min);
                let mut window = Array2::from_elem((log_mel.nrows(), self.spec.audio.chunk_frames()), silence);
                window.slice_mut(s![.., ..log_mel.ncols()]).assign(&log_mel);
                let encoded = self.encode_first(window.view(), options)?;
                self.detect_language(&encoded)?
            }
            Detection::Once | Detection::Parts => return Ok(None),
        };
        let least = detection.least(options);
        Ok(languages.into_iter().next().filter(|(_, probability)| *probability > least).map(|(code, _)| code))
    }

    /// Decodes the rest of a stretch of speech, given its spectrogram, of which `done` frames are done.
    pub(super) fn transcribe_rest(
        &self,
        log_mel: ArrayView2<f32>,
        seek: usize,
        mut done: usize,
        long_form: &mut LongForm,
    ) -> Result<(), Error> {
        let all = log_mel.ncols();
        let most = self.spec.audio.chunk_frames();
        while done == 0 || (done < all && self.seconds(all - done) >= SHORTEST_REST_SECONDS) {
            let rest = Place { seek: seek + done, frames: most.min(all - done) };
            let window = log_mel.slice(s![.., done..done + rest.frames]);
            let encoded = self.encode_first(window, long_form.options())?;
            let (encoded, decoded) = long_form.decode_one(self, window, encoded)?;
            done += long_form.take(self, &encoded, 0, &decoded, rest)?;
        }
        Ok(())
    }

    /// Duration in seconds of a number of spectrogram frames.
    pub(super) fn seconds(&self, frames: usize) -> f64 {
        (frames * self.spec.audio.hop_length) as f64 / f64::from(self.spec.audio.sample_rate)
    }

    /// The spectrogram frame at a time in seconds, rounded as Python does.
    pub(super) fn frames(&self, seconds: f64) -> usize {
        let frame = self.spec.audio.hop_length as f64 / f64::from(self.spec.audio.sample_rate);
        (seconds / frame).round_ties_even() as usize
    }
}
