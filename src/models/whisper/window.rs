//! One window of at most 30 s: encoded once, then decoded.

use ndarray::{Array3, ArrayView2, s};

use super::Whisper;
use super::rules::{self, TimestampRules};
use crate::config::{Task, Timestamps};
use crate::engine::Tensor;
use crate::error::Error;
use crate::models::generation::{CrossAttention, LogitsRule, greedy, softmax};

/// What the decoder wrote for one window.
#[derive(Debug, Clone, PartialEq)]
pub struct DecodedWindow {
    /// Token ids, timestamps among them where they were asked for, without the prompt and the end token.
    pub tokens: Vec<i64>,
    /// Mean log-probability of the tokens and the end token.
    pub avg_logprob: f32,
    /// Probability that the window holds no speech, in [0, 1].
    pub no_speech_prob: f32,
}

impl Whisper {
    /// Runs the encoder over a log-mel spectrogram `[n_mels, frames]` of at most one window; a shorter one is filled up
    /// with zeros, as openai-whisper's `transcribe` does.
    ///
    /// # Errors
    /// [`Error::Input`] for another shape; [`Error::Engine`] when the graph fails.
    pub fn encode_window(&mut self, log_mel: ArrayView2<f32>) -> Result<CrossAttention, Error> {
        let (bands, frames) = log_mel.dim();
        let (wanted, most) = (self.spec.audio.n_mels, self.spec.audio.chunk_frames());
        if bands != wanted || frames > most {
            let problem = format!("a spectrogram of {bands} x {frames}; the model takes {wanted} x {most} at most");
            return Err(Error::Input { problem });
        }
        let mut window = Array3::zeros((1, bands, most));
        window.slice_mut(s![0, .., ..frames]).assign(&log_mel);
        let mut outputs = self.encoder.run(&[("log_mel", &[Tensor::float(window)?])])?;
        Ok(CrossAttention::take(&mut outputs))
    }

    /// Decodes an encoded window greedily, with the suppression and timestamp rules.
    ///
    /// # Errors
    /// [`Error::Request`] for a language the model does not know; [`Error::Engine`] when the graph fails.
    pub fn decode_window(
        &mut self,
        window: &CrossAttention,
        language: &str,
        task: Task,
        timestamps: Timestamps,
    ) -> Result<DecodedWindow, Error> {
        let prompt = self.prompt(language, task, timestamps)?;
        let suppress = rules::suppress(&self.spec);
        let suppress_first = rules::suppress_first(&self.spec);
        let timestamp_rules = TimestampRules::new(&self.spec);
        let mut rules: Vec<&dyn LogitsRule> = vec![&suppress_first, &suppress];
        if timestamps != Timestamps::None {
            rules.push(&timestamp_rules);
        }

        let mut decoding = self.decoder.start(window)?;
        // The probability of no speech is read where the start token was fed, so that goes in by itself.
        let (start, rest) = prompt.split_at(1);
        let mut logits = decoding.feed(start)?;
        let mut probabilities = logits.clone();
        softmax(&mut probabilities);
        let no_speech_prob = probabilities[self.spec.tokens.no_speech as usize];
        if !rest.is_empty() {
            logits = decoding.feed(rest)?;
        }
        let positions = self.spec.generation.max_tokens;
        let limit = (positions / 2).min(positions - prompt.len());
        let generated = greedy(&mut decoding, logits, &rules, self.spec.tokens.end_of_text, limit)?;
        Ok(DecodedWindow { avg_logprob: generated.average_log_probability(), tokens: generated.tokens, no_speech_prob })
    }
}
