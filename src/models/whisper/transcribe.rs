//! Recordings of any length, window by window.
//!
//! After openai-whisper's `transcribe.py`, greedy: the next window starts at the last timestamp of the one before.

use ndarray::s;

use super::Whisper;
use super::segments::{Piece, cut};
use super::transcript::{Segment, Transcript};
use super::words::{WindowPlace, last_end};
use crate::config::{Timestamps, TranscribeOptions};
use crate::error::Error;

/// A window with a no-speech probability above this ...
const NO_SPEECH: f32 = 0.6;
/// ... and a mean log-probability below this is silence (openai-whisper's defaults).
const LOG_PROBABILITY: f32 = -1.0;

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
        let seconds = |frames: usize| (frames * audio.hop_length) as f64 / f64::from(audio.sample_rate);
        // A window of silence behind the sound, so that the last frames are heard whole.
        let log_mel = self.log_mel.compute(samples, audio.chunk_samples());
        let content = log_mel.ncols().saturating_sub(window_frames);

        let mut language = options.language.clone().filter(|code| code != "auto");
        if !self.spec.multilingual {
            language = Some("en".to_string());
        }
        let mut language_probability = None;
        let mut segments = Vec::new();
        let mut seek = 0;
        let mut last_speech = 0.0;
        while seek < content {
            let frames = window_frames.min(content - seek);
            let window = self.encode_window(log_mel.slice(s![.., seek..seek + frames]))?;
            if language.is_none() {
                // openai-whisper detects on a whole window, with the silence behind a shorter recording.
                let whole = match frames < window_frames {
                    true => Some(self.encode_window(log_mel.slice(s![.., ..window_frames]))?),
                    false => None,
                };
                let (code, probability) = self.detect_language(whole.as_ref().unwrap_or(&window))?;
                language = Some(code);
                language_probability = Some(probability);
            }
            let spoken = language.as_deref().unwrap_or("en");
            let decoded = self.decode_window(&window, spoken, options.task, options.timestamps)?;
            if decoded.no_speech_prob > NO_SPEECH && decoded.avg_logprob < LOG_PROBABILITY {
                seek += frames;
            } else {
                let tokens = &decoded.tokens;
                let begin = self.spec.tokens.timestamp_begin;
                let (pieces, mut advance) = cut(tokens, begin, frames);
                let mut found = Vec::new();
                for Piece { tokens: range, start, end } in pieces {
                    found.push(Segment {
                        start: seconds(seek + start),
                        end: seconds(seek + end),
                        text: self.text(&tokens[range.clone()])?,
                        tokens: tokens[range].to_vec(),
                        avg_logprob: decoded.avg_logprob,
                        no_speech_prob: decoded.no_speech_prob,
                        words: None,
                    });
                }
                if options.timestamps == Timestamps::Word {
                    let place = WindowPlace { offset: seconds(seek), frames, last_speech };
                    self.add_words(&window, spoken, options.task, place, &mut found)?;
                    let single_ending = matches!(tokens[..], [.., text, time] if text < begin && time >= begin);
                    if let Some(end) = last_end(&found) {
                        last_speech = end;
                        if !single_ending && end > place.offset {
                            let frame = audio.hop_length as f64 / f64::from(audio.sample_rate);
                            advance = ((end / frame).round_ties_even() as usize).saturating_sub(seek);
                        }
                    }
                }
                // A segment without length or text says nothing.
                found.retain(|segment| segment.start < segment.end && !segment.text.trim().is_empty());
                segments.append(&mut found);
                // A timestamp of 0.00 s at the end would decode the same window for ever.
                seek += if advance == 0 { frames } else { advance };
            }
            progress(seconds(seek.min(content)));
        }
        let text = segments.iter().map(|segment| segment.text.as_str()).collect::<String>();
        for segment in &mut segments {
            segment.text = segment.text.trim().to_string();
        }
        Ok(Transcript {
            text: text.trim().to_string(),
            language: language.unwrap_or_else(|| "en".to_string()),
            language_probability,
            duration: samples.len() as f64 / f64::from(audio.sample_rate),
            segments,
        })
    }

    /// The text of tokens, without timestamps, with the space it starts with.
    fn text(&self, tokens: &[i64]) -> Result<String, Error> {
        let text: Vec<i64> = tokens.iter().copied().filter(|&token| token < self.spec.tokens.end_of_text).collect();
        self.vocabulary.decode_raw(&text)
    }
}
