//! Constants of the log-mel spectrogram.

use serde::Deserialize;

/// Most values of one window's spectrogram; Whisper large has 384,000.
const MOST_VALUES: usize = 1 << 24;

/// How sound becomes the log-mel spectrogram that a model hears.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AudioSpec {
    /// Samples per second.
    pub sample_rate: u32,
    /// Samples of one Fourier transform.
    pub n_fft: usize,
    /// Samples from one frame to the next.
    pub hop_length: usize,
    /// Mel bands.
    pub n_mels: usize,
    /// Seconds of one window.
    pub chunk_seconds: u32,
}

impl AudioSpec {
    /// Samples of one window.
    pub fn chunk_samples(&self) -> usize {
        self.chunk_seconds as usize * self.sample_rate as usize
    }

    /// Frames of one window.
    pub fn chunk_frames(&self) -> usize {
        self.chunk_samples() / self.hop_length
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let sane = (1_000..=192_000).contains(&self.sample_rate)
            && (16..=65_536).contains(&self.n_fft)
            && (1..=self.n_fft).contains(&self.hop_length)
            && (1..=1_024).contains(&self.n_mels)
            && (1..=600).contains(&self.chunk_seconds)
            // At least a few frames, and a spectrogram that fits any board.
            && (8..=MOST_VALUES / self.n_mels).contains(&self.chunk_frames());
        if sane { Ok(()) } else { Err(format!("audio: values out of range: {self:?}")) }
    }
}
