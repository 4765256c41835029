//! Parts of a recording that are decoded separately: windows end where a part ends.

use std::ops::Range;

use super::Whisper;
use super::prompt::is_auto;
use super::survey::Survey;
use crate::config::TranscribeOptions;
use crate::models::vad::{Stretch, windows};

/// After a pause this long, somebody else may be speaking, in another language.
const LONG_PAUSE_SECONDS: f64 = 5.0;

/// In a recording that is known to change its language, a shorter pause may separate two languages.
const PAUSE_SECONDS: f64 = 1.0;

/// How often the language is detected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detection {
    /// At most once.
    Once,
    /// In each part.
    Parts,
    /// In each window.
    Windows,
}

impl Detection {
    /// The detection that `options` require; `multilingual` is whether the model knows several languages.
    pub fn of(options: &TranscribeOptions, multilingual: bool) -> Self {
        match options.multilingual {
            _ if !multilingual || options.language.as_deref().is_some_and(|language| !is_auto(language)) => {
                Detection::Once
            }
            Some(false) => Detection::Once,
            Some(true) => Detection::Windows,
            None => Detection::Parts,
        }
    }

    /// Probability that another language must exceed for the language to change.
    pub fn least(self, options: &TranscribeOptions) -> f32 {
        match self {
            Detection::Windows => 0.0,
            // A word or two in another language may be an error, so the language stays unless the model is certain.
            Detection::Parts | Detection::Once => options.language_detection_threshold,
        }
    }

    /// Seconds of silence after which the language may change; `None` if it is detected only once.
    pub fn pause(self) -> Option<f64> {
        match self {
            Detection::Once => None,
            Detection::Parts => Some(LONG_PAUSE_SECONDS),
            Detection::Windows => Some(PAUSE_SECONDS),
        }
    }
}

impl Whisper {
    /// The parts of a recording in frames to decode: of the speech if speech detection ran, otherwise of the recording.
    /// In order; none is empty.
    pub(super) fn parts(
        &self,
        survey: &Survey,
        options: &TranscribeOptions,
        detection: Detection,
    ) -> Vec<Range<usize>> {
        let hop = self.spec.audio.hop_length as u64;
        let mut parts: Vec<Range<usize>> = Vec::new();
        match &survey.stretches {
            Some(stretches) => {
                let mut end = 0;
                for group in groups(stretches, detection.pause(), self.sample_rate()) {
                    let start = end;
                    end += group.iter().map(Stretch::samples).sum::<u64>();
                    parts.push((start / hop) as usize..(end / hop) as usize);
                }
            }
            None => {
                let content = usize::try_from(survey.samples / hop).unwrap_or(usize::MAX);
                if options.clip_timestamps.is_empty() {
                    parts.push(0..content);
                } else {
                    parts.extend(options.clip_timestamps.parts().map(|(start, end)| {
                        self.frames(start)..end.map_or(content, |end| self.frames(end).min(content))
                    }));
                }
            }
        }
        parts.retain(|part| !part.is_empty());
        parts
    }

    /// Windows that can be decoded side by side, in the same frames as `parts`: as many stretches of speech each as
    /// fit. With each, whether it begins a part.
    pub(super) fn clips(
        &self,
        survey: &Survey,
        parts: &[Range<usize>],
        detection: Detection,
    ) -> Vec<(Range<usize>, bool)> {
        let audio = &self.spec.audio;
        let (hop, most) = (audio.hop_length as u64, audio.chunk_samples() as u64);
        let mut clips = Vec::new();
        match &survey.stretches {
            Some(stretches) => {
                let mut end = 0;
                for group in groups(stretches, detection.pause(), self.sample_rate()) {
                    for (index, window) in windows(group, most).iter().enumerate() {
                        let start = end;
                        end += window.samples();
                        clips.push(((start / hop) as usize..(end / hop) as usize, index == 0));
                    }
                }
            }
            None => {
                for part in parts {
                    for start in part.clone().step_by(audio.chunk_frames()) {
                        clips.push((start..part.end.min(start + audio.chunk_frames()), start == part.start));
                    }
                }
            }
        }
        clips.retain(|(clip, _)| !clip.is_empty());
        clips
    }
}

/// Groups stretches without a pause of at least `pause` seconds between them; without `pause` there is a single group.
fn groups(stretches: &[Stretch], pause: Option<f64>, sample_rate: u32) -> impl Iterator<Item = &[Stretch]> {
    let pause = pause.map_or(u64::MAX, |seconds| (seconds * f64::from(sample_rate)) as u64);
    stretches.chunk_by(move |before, after| after.start.saturating_sub(before.end) < pause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_pauses_divide() {
        let stretches = [(0, 100), (300, 400), (900, 1_000)].map(|(start, end)| Stretch { start, end });
        let lengths = |pause| groups(&stretches, pause, 100).map(<[_]>::len).collect::<Vec<_>>();
        assert_eq!(lengths(None), [3]);
        assert_eq!(lengths(Some(5.0)), [2, 1]);
        assert_eq!(lengths(Some(1.0)), [1, 1, 1]);
        assert_eq!(groups(&[], Some(1.0), 100).count(), 0);
    }

    #[test]
    fn a_language_that_is_named_is_not_detected() {
        let options = |language: Option<&str>, multilingual| TranscribeOptions {
            language: language.map(str::to_string),
            multilingual,
            ..TranscribeOptions::default()
        };
        assert_eq!(Detection::of(&options(Some("de"), None), true), Detection::Once);
        assert_eq!(Detection::of(&options(Some("auto"), None), true), Detection::Parts);
        assert_eq!(Detection::of(&options(None, None), false), Detection::Once);
        assert_eq!(Detection::of(&options(None, Some(false)), true), Detection::Once);
        assert_eq!(Detection::of(&options(None, Some(true)), true), Detection::Windows);
    }
}
