//! Constants of the log-mel spectrogram.

use serde::Deserialize;

/// Maximum number of values in one window's spectrogram; Whisper large has 384,000.
const MOST_VALUES: usize = 1 << 24;

/// Parameters of the log-mel spectrogram.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AudioSpec {
    /// Sample rate in Hz.
    pub sample_rate: u32,
    /// Length of a Fourier transform in samples.
    pub n_fft: usize,
    /// Hop length in samples.
    pub hop_length: usize,
    /// Number of mel bands.
    pub n_mels: usize,
    /// Length of one window in seconds.
    pub chunk_seconds: u32,
}

impl AudioSpec {
    /// Length of one window in samples.
    pub fn chunk_samples(&self) -> usize {
        self.chunk_seconds as usize * self.sample_rate as usize
    }

    /// Length of one window in frames.
    pub fn chunk_frames(&self) -> usize {
        self.chunk_samples() / self.hop_length
    }

    pub(super) fn check(&self) -> Result<(), String> {
        let sane = (1_000..=192_000).contains(&self.sample_rate)
            && (16..=65_536).contains(&self.n_fft)
            && (1..=self.n_fft).contains(&self.hop_length)
            && (1..=1_024).contains(&self.n_mels)
            && (1..=600).contains(&self.chunk_seconds)
            // At least a few frames, and a spectrogram that fits into the memory of any board.
            && (8..=MOST_VALUES / self.n_mels).contains(&self.chunk_frames());
        if sane { Ok(()) } else { Err(format!("audio: values out of range: {self:?}")) }
    }
}
