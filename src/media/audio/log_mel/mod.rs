//! The log-mel spectrogram for Whisper.
//!
//! The definition is `log_mel_spectrogram` of openai-whisper (`whisper/audio.py`, release 20250625), which is
//! `torch.stft` with its defaults (periodic Hann window, centred frames, reflected edges) without its last frame, a
//! mel filter bank of librosa, and a compression to about [-1, 1].

mod filters;
mod frames;
mod log10;
mod normalise;
mod plan;
mod stream;
mod windows;

use std::sync::Arc;
use std::thread;

use ndarray::{Array2, ArrayViewMut2, Axis, s};

use super::{AudioError, Samples};
use frames::Signal;
pub use normalise::normalise;
use plan::{LANES, Plan, SILENCE};
pub use stream::{Extent, LogMelStream};
pub use windows::{Spectrogram, Window};

/// Minimum number of frames that is worth a thread.
const FRAMES_PER_THREAD: usize = 500;

/// Bounds that keep a mistyped constant from exhausting the memory.
const MAX_N_FFT: usize = 1 << 16;
const MAX_N_MELS: usize = 1 << 10;

/// The constants of a log-mel spectrogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogMelConfig {
    /// Sample rate in Hz. Whisper: 16,000.
    pub sample_rate: u32,
    /// Samples in a frame, and the length of its Fourier transform. Whisper: 400.
    pub n_fft: usize,
    /// Hop length in samples. Whisper: 160, so 100 frames per second.
    pub hop_length: usize,
    /// Number of mel bins. Whisper: 80; large-v3 and turbo: 128.
    pub n_mels: usize,
}

/// Computes log-mel spectrograms. The window, the filter bank and the Fourier plan are created once.
pub struct LogMel {
    plan: Arc<Plan>,
}

impl LogMel {
    /// Prepares for these constants.
    ///
    /// # Errors
    /// [`AudioError::LogMelConfig`] if a constant is 0 or out of range.
    pub fn new(config: &LogMelConfig) -> Result<Self, AudioError> {
        let problem = match config {
            LogMelConfig { sample_rate: 0, .. } => Some("sample_rate is 0"),
            LogMelConfig { hop_length, .. } if !(1..=MAX_N_FFT).contains(hop_length) => {
                Some("hop_length is not within 1 to 65,536")
            }
            LogMelConfig { n_fft, .. } if !(2..=MAX_N_FFT).contains(n_fft) => Some("n_fft is not within 2 to 65,536"),
            LogMelConfig { n_mels, .. } if !(1..=MAX_N_MELS).contains(n_mels) => {
                Some("n_mels is not within 1 to 1,024")
            }
            _ => None,
        };
        match problem {
            Some(problem) => Err(AudioError::LogMelConfig(problem)),
            None => Ok(Self { plan: Arc::new(Plan::new(config)) }),
        }
    }

    /// The constants.
    pub fn config(&self) -> &LogMelConfig {
        &self.plan.config
    }

    /// The spectrogram of mono samples in [-1, 1], followed by `padding` zeros: shape `[n_mels, frames]` with
    /// `frames = (samples.len() + padding) / hop_length`, values from the loudest bin's (at most about 1.5) down to 2
    /// below it.
    ///
    /// Frame `f` is centred on sample `f * hop_length`. Whisper's own transcription pads 30 s, so that the last window
    /// of 30 s is complete. Fewer samples than a hop produce no frames; a signal too short to be reflected at its
    /// edges, which the reference rejects, is reflected as often as necessary.
    pub fn compute(&self, samples: &[f32], padding: usize) -> Array2<f32> {
        self.compute_on(samples, padding, 1)
    }

    /// As [`LogMel::compute`], on up to `threads` threads. The result does not depend on their number.
    pub fn compute_on(&self, samples: &[f32], padding: usize, threads: usize) -> Array2<f32> {
        let signal = Signal::whole(samples, padding);
        let LogMelConfig { n_fft, hop_length, n_mels, .. } = self.plan.config;
        let frames = usize::try_from(signal.len() / hop_length as u64).unwrap_or(usize::MAX);
        let mut spectrogram = Array2::from_elem((n_mels, frames), SILENCE);

        // Frames entirely in the padding are silent: they keep their initial value.
        let sounding = usize::try_from(signal.sounding_frames(n_fft, hop_length)).unwrap_or(usize::MAX).min(frames);
        let mut columns = spectrogram.slice_mut(s![.., ..sounding]);
        let threads = threads.min(sounding / FRAMES_PER_THREAD).max(1);
        let chunk = sounding.div_ceil(threads).max(1);
        thread::scope(|scope| {
            let chunks = columns.axis_chunks_iter_mut(Axis(1), chunk);
            let mut tasks =
                chunks.enumerate().map(|(index, columns)| move || self.log_energies(signal, index * chunk, columns));
            // This thread computes the first chunk.
            let own = tasks.next();
            for task in tasks {
                scope.spawn(task);
            }
            if let Some(own) = own {
                own();
            }
        });

        let loudest = spectrogram.fold(SILENCE, |loudest, &value| loudest.max(value));
        spectrogram.mapv_inplace(normalise::scale(loudest));
        spectrogram
    }

    /// Accepts samples as they arrive and returns the finished frames, before floor and scale, which need the loudest
    /// bin of the whole recording.
    pub fn stream(&self) -> LogMelStream {
        LogMelStream::new(self.plan.clone())
    }

    /// Reads a recording to its end, to determine its length and its loudest bin, followed by silence, in memory that
    /// does not grow with it. [`Spectrogram`] needs both before it reads the recording again.
    ///
    /// # Errors
    /// [`AudioError::OtherRate`], and those of the source.
    pub fn measure(&self, source: &mut impl Samples) -> Result<Extent, AudioError> {
        self.check_rate(source.sample_rate())?;
        let mut stream = self.stream();
        let (mut samples, mut columns) = (Vec::new(), Vec::new());
        while source.read(&mut samples)? {
            stream.push(&samples, &mut columns);
            samples.clear();
            columns.clear();
        }
        Ok(stream.finish(self.plan.silence_behind(), &mut columns))
    }

    fn check_rate(&self, found: u32) -> Result<(), AudioError> {
        let wanted = self.plan.config.sample_rate;
        if found == wanted { Ok(()) } else { Err(AudioError::OtherRate { found, wanted }) }
    }

    /// Writes the frames from `first` on, one per column.
    fn log_energies(&self, signal: Signal<'_>, first: usize, mut columns: ArrayViewMut2<'_, f32>) {
        let mut buffers = self.plan.buffers();
        for (block, mut columns) in columns.axis_chunks_iter_mut(Axis(1), LANES).enumerate() {
            let first = first + block * LANES;
            let energies = self.plan.log_energies(signal, first as u64, columns.ncols(), &mut buffers);
            for (mut row, energies) in columns.rows_mut().into_iter().zip(energies) {
                row.iter_mut().zip(energies).for_each(|(value, energy)| *value = *energy);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_do_not_change_the_result() {
        let config = LogMelConfig { sample_rate: 16_000, n_fft: 400, hop_length: 160, n_mels: 80 };
        let log_mel = LogMel::new(&config).unwrap();
        let sweep: Vec<f32> = (0..400_000u64).map(|n| ((n * n) as f32 * 1e-6).sin()).collect();
        let alone = log_mel.compute_on(&sweep, 1234, 1);
        for threads in [2, 3, 5, 64] {
            assert_eq!(log_mel.compute_on(&sweep, 1234, threads), alone, "{threads} threads");
        }
    }
}
