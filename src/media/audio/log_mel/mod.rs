//! The log-mel spectrogram that Whisper takes.
//!
//! The definition is `log_mel_spectrogram` of openai-whisper (`whisper/audio.py`, release 20250625), which is
//! `torch.stft` with its defaults (periodic Hann window, centred frames, reflected edges) without its last frame, a
//! mel filter bank of librosa, and a compression to about [-1, 1].

mod filters;
mod frames;

use std::f64::consts::PI;
use std::num::NonZero;
use std::sync::Arc;
use std::thread;

use ndarray::{Array2, ArrayViewMut2, Axis};
use realfft::{RealFftPlanner, RealToComplex};

use super::AudioError;
use filters::MelFilter;
use frames::Signal;

/// The least energy of a mel bin: silence is its logarithm.
const FLOOR: f32 = 1e-10;

/// Decades below the loudest bin at which the spectrogram is cut off.
const DYNAMIC_RANGE: f32 = 8.0;

/// A thread is not worth starting for fewer frames.
const FRAMES_PER_THREAD: usize = 500;

/// Bounds that keep a mistyped constant from taking all memory.
const MAX_N_FFT: usize = 1 << 16;
const MAX_N_MELS: usize = 1 << 10;

/// The constants of a log-mel spectrogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogMelConfig {
    /// Samples a second. Whisper: 16,000.
    pub sample_rate: u32,
    /// Samples in a frame, and the length of its Fourier transform. Whisper: 400.
    pub n_fft: usize,
    /// Samples from one frame to the next. Whisper: 160, so 100 frames a second.
    pub hop_length: usize,
    /// Mel bins. Whisper: 80; large-v3 and turbo: 128.
    pub n_mels: usize,
}

/// Computes log-mel spectrograms. The window, the filter bank and the Fourier plan are made once.
pub struct LogMel {
    config: LogMelConfig,
    window: Vec<f32>,
    filters: Vec<MelFilter>,
    fft: Arc<dyn RealToComplex<f32>>,
}

impl LogMel {
    /// Prepares for these constants.
    ///
    /// # Errors
    /// [`AudioError::LogMelConfig`] where a constant is 0 or absurdly large.
    pub fn new(config: &LogMelConfig) -> Result<Self, AudioError> {
        let problem = match config {
            LogMelConfig { sample_rate: 0, .. } => Some("sample_rate is 0"),
            LogMelConfig { hop_length: 0, .. } => Some("hop_length is 0"),
            LogMelConfig { n_fft, .. } if !(2..=MAX_N_FFT).contains(n_fft) => Some("n_fft is not within 2 to 65,536"),
            LogMelConfig { n_mels, .. } if !(1..=MAX_N_MELS).contains(n_mels) => {
                Some("n_mels is not within 1 to 1,024")
            }
            _ => None,
        };
        if let Some(problem) = problem {
            return Err(AudioError::LogMelConfig(problem));
        }
        Ok(Self {
            config: *config,
            window: hann_window(config.n_fft),
            filters: filters::mel_filters(config.sample_rate, config.n_fft, config.n_mels),
            fft: RealFftPlanner::new().plan_fft_forward(config.n_fft),
        })
    }

    /// The spectrogram of mono samples in [-1, 1], followed by `padding` zeros: shape `[n_mels, frames]` with
    /// `frames = (samples.len() + padding) / hop_length`, values from the loudest bin's (at most about 1.5) down to 2
    /// below it.
    ///
    /// Frame `f` is centred on sample `f * hop_length`. Whisper's own transcription pads 30 s, so that the last window
    /// of 30 s is complete. Fewer samples than a hop give no frames; a signal too short to be reflected at its edges,
    /// which the reference refuses, is reflected as often as it takes.
    pub fn compute(&self, samples: &[f32], padding: usize) -> Array2<f32> {
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        self.compute_on(samples, padding, threads)
    }

    fn compute_on(&self, samples: &[f32], padding: usize, threads: usize) -> Array2<f32> {
        let signal = Signal::new(samples, padding);
        let frames = signal.len() / self.config.hop_length;
        let mut spectrogram = Array2::from_elem((self.config.n_mels, frames), FLOOR.log10());

        // Frames that lie in the padding alone are silent: they keep the value they have.
        let sounding = signal.sounding_frames(self.config.n_fft, self.config.hop_length).min(frames);
        let mut sounding = spectrogram.slice_mut(ndarray::s![.., ..sounding]);
        let threads = threads.min(sounding.ncols() / FRAMES_PER_THREAD).max(1);
        let chunk = sounding.ncols().div_ceil(threads).max(1);
        thread::scope(|scope| {
            let chunks = sounding.axis_chunks_iter_mut(Axis(1), chunk);
            let mut tasks =
                chunks.enumerate().map(|(index, columns)| move || self.log_energies(signal, index * chunk, columns));
            // The first chunk is this thread's own.
            let own = tasks.next();
            for task in tasks {
                scope.spawn(task);
            }
            if let Some(own) = own {
                own();
            }
        });

        let loudest = spectrogram.iter().copied().fold(f32::MIN, f32::max);
        spectrogram.mapv_inplace(|value| (value.max(loudest - DYNAMIC_RANGE) + 4.0) / 4.0);
        spectrogram
    }

    /// Writes log10 of the mel energies of the frames from `first` on, one a column.
    fn log_energies(&self, signal: Signal<'_>, first: usize, mut columns: ArrayViewMut2<'_, f32>) {
        let mut frame = self.fft.make_input_vec();
        let mut spectrum = self.fft.make_output_vec();
        let mut scratch = self.fft.make_scratch_vec();
        let mut power = vec![0.0f32; spectrum.len()];
        for (index, mut column) in columns.columns_mut().into_iter().enumerate() {
            signal.copy_frame((first + index) * self.config.hop_length, &mut frame);
            for (sample, weight) in frame.iter_mut().zip(&self.window) {
                *sample *= weight;
            }
            if self.fft.process_with_scratch(&mut frame, &mut spectrum, &mut scratch).is_err() {
                // Only buffers of a wrong length can do that, and these are the plan's own.
                continue;
            }
            for (power, value) in power.iter_mut().zip(&spectrum) {
                *power = value.norm_sqr();
            }
            for (value, filter) in column.iter_mut().zip(&self.filters) {
                *value = filter.energy(&power).max(FLOOR).log10();
            }
        }
    }
}

/// The periodic Hann window, as `torch.hann_window` makes it.
fn hann_window(length: usize) -> Vec<f32> {
    (0..length).map(|n| (0.5 - 0.5 * (2.0 * PI * n as f64 / length as f64).cos()) as f32).collect()
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
