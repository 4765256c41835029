//! Recordings of any length, window by window.
//!
//! After openai-whisper's `transcribe.py`, greedy: the next window starts at the last timestamp of the one before.

use ndarray::{Array3, ArrayView2, s};

use super::rules::{self, TimestampRules};
use super::segments::{Piece, cut};
use super::transcript::{Segment, Transcript};
use super::Whisper;
use crate::config::{Timestamps, TranscribeOptions};
use crate::engine::Tensor;
use crate::error::Error;
use crate::models::generation::{CrossAttention, Generated, LogitsRule, greedy, softmax};

/// A window with a no-speech probability above this ...
const NO_SPEECH: f32 = 0.6;
/// ... and a mean log-probability below this is silence (openai-whisper's defaults).
const LOG_PROBABILITY: f32 = -1.0;

/// One decoded window.
struct Window {
    generated: Generated,
    no_speech: f32,
}

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
        while seek < content {
            let frames = window_frames.min(content - seek);
            let window = self.encode(log_mel.slice(s![.., seek..seek + frames]), window_frames)?;
            if language.is_none() {
                let (code, probability) = self.detect_language(&window)?;
                language = Some(code);
                language_probability = Some(probability);
            }
            let prompt = self.prompt(language.as_deref().unwrap_or("en"), options.task, options.timestamps)?;
            let decoded = self.decode(&window, &prompt, options.timestamps)?;

            let average = decoded.generated.average_log_probability();
            if decoded.no_speech > NO_SPEECH && average < LOG_PROBABILITY {
                seek += frames;
            } else {
                let tokens = &decoded.generated.tokens;
                let (pieces, advance) = cut(tokens, self.spec.tokens.timestamp_begin, frames);
                for Piece { tokens: range, start, end } in pieces {
                    let text = self.text(&tokens[range.clone()])?;
                    // A segment without length or text says nothing.
                    if start < end && !text.trim().is_empty() {
                        segments.push(Segment {
                            start: seconds(seek + start),
                            end: seconds(seek + end),
                            text,
                            tokens: tokens[range].to_vec(),
                            avg_logprob: average,
                            no_speech_prob: decoded.no_speech,
                        });
                    }
                }
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

    /// Runs the encoder over one window, `[n_mels, frames]`, filled up with zeros to `window_frames`.
    fn encode(&mut self, log_mel: ArrayView2<f32>, window_frames: usize) -> Result<CrossAttention, Error> {
        let (bands, frames) = log_mel.dim();
        let mut window = Array3::zeros((1, bands, window_frames));
        window.slice_mut(s![0, .., ..frames]).assign(&log_mel);
        let mut outputs = self.encoder.run(&[("log_mel", &[Tensor::float(window)?])])?;
        Ok(CrossAttention::take(&mut outputs))
    }

    /// Greedy decoding of one window.
    fn decode(&mut self, window: &CrossAttention, prompt: &[i64], timestamps: Timestamps) -> Result<Window, Error> {
        let suppress = rules::suppress(&self.spec);
        let suppress_first = rules::suppress_first(&self.spec);
        let timestamp_rules = TimestampRules::new(&self.spec);
        let mut rules: Vec<&dyn LogitsRule> = vec![&suppress_first, &suppress];
        if timestamps != Timestamps::None {
            rules.push(&timestamp_rules);
        }

        let tokens = &self.spec.tokens;
        let mut decoding = self.decoder.start(window)?;
        // The probability of no speech is read where the start token was fed, so that goes in by itself.
        let (start, rest) = prompt.split_at(1);
        let mut logits = decoding.feed(start)?;
        let mut probabilities = logits.clone();
        softmax(&mut probabilities);
        let no_speech = probabilities[tokens.no_speech as usize];
        if !rest.is_empty() {
            logits = decoding.feed(rest)?;
        }
        let limit = (self.spec.generation.max_tokens / 2).min(self.spec.generation.max_tokens - prompt.len());
        let generated = greedy(&mut decoding, logits, &rules, tokens.end_of_text, limit)?;
        Ok(Window { generated, no_speech })
    }

    /// The text of tokens, without timestamps, with the space it starts with.
    fn text(&self, tokens: &[i64]) -> Result<String, Error> {
        let text: Vec<i64> = tokens.iter().copied().filter(|&token| token < self.spec.tokens.end_of_text).collect();
        self.vocabulary.decode_raw(&text)
    }
}
