//! The encoder: from a window's spectrogram to the decoder's cross-attention.

use ndarray::{Array3, ArrayView2, s};

use super::Whisper;
use crate::config::{EncoderContext, TranscribeOptions};
use crate::engine::Tensor;
use crate::error::Error;
use crate::models::generation::CrossAttention;

impl Whisper {
    /// Runs the encoder on a log-mel spectrogram `[n_mels, frames]` of at most one window. It is padded with zeros to a
    /// whole window, as in openai-whisper's `transcribe`; with [`EncoderContext::Adaptive`] and [`EncoderContext::Auto`]
    /// to one second more than its length, and at least fifteen seconds.
    ///
    /// # Errors
    /// [`Error::Input`] for another shape; [`Error::Engine`] if the graph fails.
    pub fn encode_window(&self, log_mel: ArrayView2<f32>, context: EncoderContext) -> Result<CrossAttention, Error> {
        let (bands, frames) = log_mel.dim();
        let (wanted, most) = (self.spec.audio.n_mels, self.spec.audio.chunk_frames());
        if bands != wanted || frames > most {
            let problem = format!("a spectrogram of {bands} x {frames}; the model accepts up to {wanted} x {most}");
            return Err(Error::Input { problem });
        }
        self.encode(log_mel, self.context_frames(frames, context))
    }

    /// As [`Whisper::encode_window`], for the first attempt at the window.
    pub(super) fn encode_first(
        &self,
        log_mel: ArrayView2<f32>,
        options: &TranscribeOptions,
    ) -> Result<CrossAttention, Error> {
        self.encode_window(log_mel, options.first_context())
    }

    /// As [`Whisper::encode_window`], padded with zeros to `context` frames.
    pub(super) fn encode(&self, log_mel: ArrayView2<f32>, context: usize) -> Result<CrossAttention, Error> {
        let (bands, frames) = log_mel.dim();
        let mut window = Array3::zeros((1, bands, context));
        window.slice_mut(s![0, .., ..frames]).assign(&log_mel);
        let mut outputs = self.encoder.run(&[("log_mel", &[Tensor::float(window)?])])?;
        Ok(CrossAttention::take(&mut outputs))
    }

    /// Number of frames to encode for a window with `frames` frames of sound.
    pub(super) fn context_frames(&self, frames: usize, context: EncoderContext) -> usize {
        let most = self.spec.audio.chunk_frames();
        match context {
            EncoderContext::Full => most,
            EncoderContext::Auto | EncoderContext::Adaptive => {
                let second = self.spec.audio.sample_rate as usize / self.spec.audio.hop_length;
                let wanted = (frames + ADAPTIVE_MARGIN_SECONDS * second).max(ADAPTIVE_LEAST_SECONDS * second);
                wanted.next_multiple_of(second).min(most)
            }
        }
    }
}

/// Silence after the sound. Without it the model does not detect that the speech is over, and generates more text.
const ADAPTIVE_MARGIN_SECONDS: usize = 1;

/// The model was trained only on windows of 30 s and degrades with much shorter ones.
const ADAPTIVE_LEAST_SECONDS: usize = 15;
