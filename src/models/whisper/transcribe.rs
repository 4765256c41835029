//! Recordings of any length, window by window.

use std::ops::Range;

use ndarray::{ArrayView2, s};

use super::Whisper;
use super::long_form::{LongForm, Place};
use super::survey::Survey;
use super::transcript::{Segment, Transcript};
use crate::config::TranscribeOptions;
use crate::error::Error;
use crate::media::audio::{Recording, Samples, Spectrogram};
use crate::models::vad::{Edge, SpeechMap, Stretch, Vad, windows};

/// Less probable languages are not listed in a transcript.
const LEAST_SHOWN: f32 = 0.01;

/// What a window decoded in a batch leaves open is decoded again, unless it is shorter than this: the silence behind
/// the speech.
const SHORTEST_REST_SECONDS: f64 = 1.0;

/// Told the seconds done, and in all, after each window.
pub type OnProgress<'a> = dyn FnMut(f64, f64) + 'a;

impl Whisper {
    /// Transcribes a recording. With a `vad`, only the speech that it finds is decoded, and the times are still those of
    /// the recording. Memory does not grow with the recording, but for the text.
    ///
    /// # Errors
    /// [`Error::Request`] for options the model cannot fulfil; [`Error::Audio`], [`Error::Input`] for a recording that
    /// cannot be read; [`Error::Engine`] when a graph fails.
    pub fn transcribe(
        &mut self,
        recording: &Recording,
        vad: Option<&mut Vad>,
        options: &TranscribeOptions,
        progress: &mut OnProgress,
    ) -> Result<Transcript, Error> {
        self.check(options, vad.is_some())?;
        let log_mel = self.log_mel.clone();
        let speech = options.vad.options.unwrap_or_default();
        let survey = Survey::new(recording, &log_mel, vad.map(|vad| (vad, &speech)))?;
        let mut spectrogram = survey.spectrogram(&log_mel)?;
        let map = survey.stretches.as_deref().map(SpeechMap::new);

        let (language, languages) = match self.known_language(options)? {
            Some(language) => (Some(language), Vec::new()),
            None if map.as_ref().is_some_and(|map| map.samples() == 0) => (None, Vec::new()),
            None => {
                // openai-whisper detects on a whole window, with the silence behind a shorter recording.
                let window = spectrogram.window(0, self.spec.audio.chunk_frames());
                let log_mel = window.map_err(|source| survey.unreadable(source))?.log_mel;
                let encoded = self.encode_window(log_mel.view(), options.encoder_context)?;
                let languages = self.detect_language(&encoded)?;
                (languages.first().map(|(code, _)| code.clone()), languages)
            }
        };
        let spoken = language.clone().unwrap_or_else(|| "en".to_string());
        let mut long_form = LongForm::new(self, spoken, options)?;
        let mut report = |frame: usize, whisper: &Whisper| {
            let done = whisper.seconds(frame);
            let rate = whisper.sample_rate();
            progress(map.as_ref().map_or(done, |map| map.seconds(done, Edge::End, rate)), survey.seconds());
        };
        if options.batch_size > 1 {
            let stretches = survey.stretches.as_deref().unwrap_or_default();
            for clips in self.clips(stretches).chunks(options.batch_size) {
                self.transcribe_clips(&mut spectrogram, &survey, clips, &mut long_form)?;
                report(clips.last().map_or(0, |clip| clip.end), self);
            }
        } else {
            let mut seek = 0;
            loop {
                let window = spectrogram.window(seek, self.spec.audio.chunk_frames());
                let window = window.map_err(|source| survey.unreadable(source))?;
                let frames = window.content;
                if frames == 0 {
                    break;
                }
                let encoded = self.encode_window(window.log_mel.slice(s![.., ..frames]), options.encoder_context)?;
                let decoded = long_form.decode(self, &encoded)?;
                seek += long_form.take(self, &encoded, 0, &decoded[0], Place { seek, frames })?;
                report(seek.min(spectrogram.frames()), self);
            }
        }

        let mut segments = long_form.take_segments();
        if let Some(map) = &map {
            segments.iter_mut().for_each(|segment| segment.place(map, self.sample_rate()));
        }
        Ok(Transcript {
            text: segments.iter().map(|segment| segment.text.as_str()).collect::<String>().trim().to_string(),
            language,
            language_probability: languages.first().map(|&(_, probability)| probability),
            languages: languages.into_iter().take_while(|&(_, probability)| probability >= LEAST_SHOWN).collect(),
            duration: survey.seconds(),
            speech: map.map(|map| map.samples() as f64 / f64::from(self.sample_rate())),
            segments: segments.into_iter().map(Segment::trimmed).collect(),
            warnings: survey.warnings.clone(),
        })
    }

    /// Windows that can be decoded side by side, in frames of the speech: as many stretches as fit.
    fn clips(&self, stretches: &[Stretch]) -> Vec<Range<usize>> {
        let hop = self.spec.audio.hop_length as u64;
        let mut end = 0;
        let clips = windows(stretches, self.spec.audio.chunk_samples() as u64).into_iter().map(|window| {
            let start = end;
            end += window.samples();
            (start / hop) as usize..(end / hop) as usize
        });
        clips.filter(|clip| !clip.is_empty()).collect()
    }

    /// Decodes some windows side by side, and what one of them leaves open by itself.
    fn transcribe_clips(
        &mut self,
        spectrogram: &mut Spectrogram<impl Samples>,
        survey: &Survey,
        clips: &[Range<usize>],
        long_form: &mut LongForm,
    ) -> Result<(), Error> {
        let context = long_form.options().encoder_context;
        let mut spectrograms = Vec::with_capacity(clips.len());
        let mut windows = None;
        // All windows of a batch must be equally long: as long as the longest needs.
        let longest = self.context_frames(clips.iter().map(Range::len).max().unwrap_or(0), context);
        for (index, clip) in clips.iter().enumerate() {
            let window = spectrogram.window(clip.start, clip.len()).map_err(|source| survey.unreadable(source))?;
            let encoded = self.encode(window.log_mel.view(), longest)?;
            spectrograms.push(window.log_mel);
            match &mut windows {
                None if clips.len() == 1 => windows = Some(encoded),
                None => windows.insert(encoded.room_for(clips.len())?).put(index, &encoded)?,
                Some(windows) => windows.put(index, &encoded)?,
            }
        }
        let Some(windows) = windows else { return Ok(()) };
        let decoded = long_form.decode(self, &windows)?;
        for (index, ((clip, log_mel), decoded)) in clips.iter().zip(&spectrograms).zip(&decoded).enumerate() {
            let whole = Place { seek: clip.start, frames: clip.len() };
            let done = long_form.take(self, &windows, index, decoded, whole)?;
            self.transcribe_rest(log_mel.view(), clip.start, done, long_form)?;
        }
        Ok(())
    }

    /// Decodes what is left of a stretch of speech, whose spectrogram is given and of which `done` frames are done.
    pub(super) fn transcribe_rest(
        &mut self,
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
            let encoded = self.encode_window(window, long_form.options().encoder_context)?;
            let decoded = long_form.decode(self, &encoded)?;
            done += long_form.take(self, &encoded, 0, &decoded[0], rest)?;
        }
        Ok(())
    }

    /// Seconds of a number of spectrogram frames.
    pub(super) fn seconds(&self, frames: usize) -> f64 {
        (frames * self.spec.audio.hop_length) as f64 / f64::from(self.spec.audio.sample_rate)
    }

    /// The spectrogram frame at a time in seconds, rounded as Python does.
    pub(super) fn frames(&self, seconds: f64) -> usize {
        let frame = self.spec.audio.hop_length as f64 / f64::from(self.spec.audio.sample_rate);
        (seconds / frame).round_ties_even() as usize
    }
}
