//! Recordings of any length, window by window.

use ndarray::s;

use super::Whisper;
use super::long_form::{LongForm, Place};
use super::transcript::Transcript;
use crate::config::TranscribeOptions;
use crate::error::Error;

/// Less probable languages are not listed in a transcript.
const LEAST_SHOWN: f32 = 0.01;

impl Whisper {
    /// Transcribes mono samples in [-1, 1] at [`Whisper::sample_rate`]. `progress` is told the seconds done after each
    /// window.
    ///
    /// # Errors
    /// [`Error::Request`] for a language or task the model does not know; [`Error::Engine`] when a graph fails.
    pub fn transcribe(
        &mut self,
        samples: &[f32],
        options: &TranscribeOptions,
        progress: &mut dyn FnMut(f64),
    ) -> Result<Transcript, Error> {
        self.check(options.language.as_deref(), options.task)?;
        let audio = self.spec.audio.clone();
        let window_frames = audio.chunk_frames();
        // A window of silence behind the sound, so that the last frames are heard whole.
        let log_mel = self.log_mel.compute(samples, audio.chunk_samples());
        let content = log_mel.ncols().saturating_sub(window_frames);

        let mut language = options.language.clone().filter(|code| code != "auto");
        if !self.spec.multilingual {
            language = Some("en".to_string());
        }
        let mut languages = Vec::new();
        if language.is_none() && content > 0 {
            // openai-whisper detects on a whole window, with the silence behind a shorter recording.
            let window = self.encode_window(log_mel.slice(s![.., ..window_frames]), options.encoder_context)?;
            languages = self.detect_language(&window)?;
            language = languages.first().map(|(code, _)| code.clone());
        }
        let spoken = language.unwrap_or_else(|| "en".to_string());
        let mut long_form = LongForm::new(self, spoken.clone(), options)?;
        let mut seek = 0;
        while seek < content {
            let frames = window_frames.min(content - seek);
            let window = self.encode_window(log_mel.slice(s![.., seek..seek + frames]), options.encoder_context)?;
            let decoded = long_form.decode(self, &window)?;
            seek += long_form.take(self, &window, &decoded[0], Place { seek, frames })?;
            progress(self.seconds(seek.min(content)));
        }
        let mut segments = long_form.into_segments();
        let text = segments.iter().map(|segment| segment.text.as_str()).collect::<String>();
        for segment in &mut segments {
            segment.text = segment.text.trim().to_string();
        }
        Ok(Transcript {
            text: text.trim().to_string(),
            language: spoken,
            language_probability: languages.first().map(|&(_, probability)| probability),
            languages: languages.into_iter().take_while(|&(_, probability)| probability >= LEAST_SHOWN).collect(),
            duration: samples.len() as f64 / f64::from(audio.sample_rate),
            segments,
        })
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
