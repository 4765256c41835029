//! The encoder: from a window's spectrogram to the decoder's cross-attention.

use ndarray::{Array3, ArrayView2, s};

use super::Whisper;
use crate::config::EncoderContext;
use crate::engine::Tensor;
use crate::error::Error;
use crate::models::generation::CrossAttention;

impl Whisper {
    /// Runs the encoder over a log-mel spectrogram `[n_mels, frames]` of at most one window. What is missing to the
    /// window (with [`EncoderContext::Adaptive`]: to a second more than there is, and fifteen at least) is filled up with zeros, as
    /// openai-whisper's `transcribe` does.
    ///
    /// # Errors
    /// [`Error::Input`] for another shape; [`Error::Engine`] when the graph fails.
    pub fn encode_window(&self, log_mel: ArrayView2<f32>, context: EncoderContext) -> Result<CrossAttention, Error> {
        let (bands, frames) = log_mel.dim();
        let (wanted, most) = (self.spec.audio.n_mels, self.spec.audio.chunk_frames());
        if bands != wanted || frames > most {
            let problem = format!("a spectrogram of {bands} x {frames}; the model takes {wanted} x {most} at most");
            return Err(Error::Input { problem });
        }
        self.encode(log_mel, self.context_frames(frames, context))
    }

    /// As [`Whisper::encode_window`], with zeros up to `context` frames.
    pub(super) fn encode(&self, log_mel: ArrayView2<f32>, context: usize) -> Result<CrossAttention, Error> {
        let (bands, frames) = log_mel.dim();
        let mut window = Array3::zeros((1, bands, context));
        window.slice_mut(s![0, .., ..frames]).assign(&log_mel);
        let mut outputs = self.encoder.run(&[("log_mel", &[Tensor::float(window)?])])?;
        Ok(CrossAttention::take(&mut outputs))
    }

    /// Frames that the encoder hears of a window with `frames` of sound.
    pub(super) fn context_frames(&self, frames: usize, context: EncoderContext) -> usize {
        let most = self.spec.audio.chunk_frames();
        match context {
            EncoderContext::Full => most,
            EncoderContext::Adaptive => {
                let second = self.spec.audio.sample_rate as usize / self.spec.audio.hop_length;
                let wanted = (frames + ADAPTIVE_MARGIN_SECONDS * second).max(ADAPTIVE_LEAST_SECONDS * second);
                wanted.next_multiple_of(second).min(most)
            }
        }
    }
}

/// Silence behind the sound: without it the model does not see that the speech is over, and goes on.
const ADAPTIVE_MARGIN_SECONDS: usize = 1;

/// The model was trained on nothing but 30 s; much shorter contexts are too far from that.
const ADAPTIVE_LEAST_SECONDS: usize = 15;
