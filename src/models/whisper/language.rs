//! Language detection.

use std::ops::Range;

use super::Whisper;
use super::survey::Survey;
use crate::config::TranscribeOptions;
use crate::error::Error;
use crate::media::audio::{Samples, Spectrogram};
use crate::models::generation::{CrossAttention, softmax};
use crate::models::vad::Stretch;

impl Whisper {
    /// The languages of an encoded window and their probabilities, most probable first
    /// (openai-whisper, `decoding.detect_language`).
    ///
    /// # Errors
    /// [`Error::Request`] for an English-only model; [`Error::Engine`] if the graph fails.
    pub fn detect_language(&self, window: &CrossAttention) -> Result<Vec<(String, f32)>, Error> {
        if !self.spec.multilingual {
            return Err(self.cannot("an English-only model cannot detect the language".to_string()));
        }
        let tokens = &self.spec.tokens;
        let logits = self.decoder.start(window)?.feed(&[tokens.start_of_transcript])?;
        let logits = logits.row(0);
        let mut probabilities: Vec<f32> = tokens.languages.values().map(|&token| logits[token as usize]).collect();
        softmax(&mut probabilities);
        let mut languages: Vec<(String, f32)> = tokens.languages.keys().cloned().zip(probabilities).collect();
        languages.sort_by(|a, b| b.1.total_cmp(&a.1));
        Ok(languages)
    }

    /// The languages of the recording, the chosen one first, from as many windows of `part` as the options allow
    /// (faster-whisper, `detect_language`).
    pub(super) fn languages_of(
        &self,
        spectrogram: &mut Spectrogram<impl Samples>,
        survey: &Survey,
        part: Range<usize>,
        options: &TranscribeOptions,
    ) -> Result<Vec<(String, f32)>, Error> {
        let whole = self.spec.audio.chunk_frames();
        let mut heard: Vec<Vec<(String, f32)>> = Vec::new();
        for seek in part.clone().step_by(whole).take(options.language_detection_segments) {
            // openai-whisper detects on a whole window, padding a shorter recording with silence.
            let frames = if part.end == self.content(survey) { whole } else { whole.min(part.end - seek) };
            let window = spectrogram.window(seek, frames).map_err(|source| survey.unreadable(source))?;
            let encoded = self.encode_first(window.log_mel.view(), options)?;
            let languages = self.detect_language(&encoded)?;
            let sure = languages.first().is_some_and(|(_, it)| *it > options.language_detection_threshold);
            if sure || options.language_detection_segments == 1 {
                return Ok(languages);
            }
            heard.push(languages);
        }
        Ok(majority(heard))
    }

    /// Number of frames to decode: of the speech if speech detection ran, otherwise of the recording.
    pub(super) fn content(&self, survey: &Survey) -> usize {
        let speech = |stretches: &[Stretch]| stretches.iter().map(Stretch::samples).sum();
        let samples = survey.stretches.as_deref().map_or(survey.samples, speech);
        usize::try_from(samples / self.spec.audio.hop_length as u64).unwrap_or(usize::MAX)
    }
}

/// From the languages of several windows, selects those of the window that is most certain of the majority language. If
/// two languages have the same number of windows, the one detected first wins.
fn majority(heard: Vec<Vec<(String, f32)>>) -> Vec<(String, f32)> {
    let first = |languages: &[(String, f32)]| languages.first().map(|(code, _)| code.clone());
    let votes = |code: &Option<String>| heard.iter().filter(|languages| first(languages) == *code).count();
    let mut chosen: Option<&Vec<(String, f32)>> = None;
    for languages in &heard {
        let better = chosen.is_none_or(|before| {
            let (old, new) = (first(before), first(languages));
            match old == new {
                true => languages.first().map(|it| it.1) > before.first().map(|it| it.1),
                false => votes(&new) > votes(&old),
            }
        });
        if better {
            chosen = Some(languages);
        }
    }
    chosen.cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::majority;

    #[test]
    fn most_windows_decide_and_the_surest_of_them_is_reported() {
        let heard = |code: &str, probability| vec![(code.to_string(), probability)];
        let windows = vec![heard("fr", 0.45), heard("de", 0.3), heard("de", 0.4), heard("de", 0.35)];
        assert_eq!(majority(windows), heard("de", 0.4));
        assert_eq!(majority(vec![heard("fr", 0.2), heard("de", 0.3)]), heard("fr", 0.2));
        assert_eq!(majority(Vec::new()), []);
    }
}
