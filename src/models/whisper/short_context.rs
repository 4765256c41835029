//! When text that was decoded with a shortened encoder context is accepted.
//!
//! Whisper was trained on windows of 30 s only. With less, its text is nearly always the same; where it is not, the model
//! is unsure, repeats itself, or does not find the end of the speech. Each of these can be seen in the result.

use ndarray::ArrayView2;

use super::Whisper;
use super::decode::DecodedWindow;
use super::segments::FRAMES_PER_TIMESTAMP;
use crate::config::{EncoderContext, TranscribeOptions};

/// The least mean log-probability if `logprob_threshold` is off: its default, from openai-whisper. A stricter one would
/// have more windows decoded again but find no more errors (`dev.py evaluate_speech`).
const LEAST_LOGPROB: f32 = -1.0;

impl TranscribeOptions {
    /// The encoder context for the first attempt at a window.
    pub(super) fn first_context(&self) -> EncoderContext {
        let greedy = self.beams == 1 && self.temperature.0.first().is_none_or(|&first| first == 0.0);
        match self.encoder_context {
            EncoderContext::Auto if !greedy => EncoderContext::Full,
            context => context,
        }
    }
}

impl Whisper {
    /// Whether the first attempt at a window with `frames` frames of sound is tentative: encoded with a shortened
    /// context that [`Whisper::accepts`] has to accept.
    pub(super) fn is_tentative(&self, frames: usize, options: &TranscribeOptions) -> bool {
        options.first_context() == EncoderContext::Auto
            && self.context_frames(frames, EncoderContext::Auto) < self.spec.audio.chunk_frames()
    }

    /// Whether text decoded with a shortened context is as good as that of a whole window: probable, without
    /// repetition, ended by the model itself, and with its times within the sound.
    pub(super) fn accepts(
        &self,
        decoded: &DecodedWindow,
        log_mel: ArrayView2<f32>,
        options: &TranscribeOptions,
    ) -> bool {
        let sound = (log_mel.ncols() + SLACK_FRAMES).div_ceil(FRAMES_PER_TIMESTAMP) as i64;
        let last = decoded.tokens.iter().rev().find(|token| **token >= self.spec.tokens.timestamp_begin);
        let within = last.is_none_or(|last| last - self.spec.tokens.timestamp_begin <= sound);
        let ended = decoded.tokens.len() < self.spec.generation.max_tokens / 2;
        decoded.avg_logprob >= options.logprob_threshold.unwrap_or(LEAST_LOGPROB)
            && !decoded.is_doubtful(options)
            && !decoded.is_silence(options)
            && within
            && ended
    }
}

/// Times are exact to 0.2 s at best.
const SLACK_FRAMES: usize = 20;
