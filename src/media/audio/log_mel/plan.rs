//! Computes the logarithms of mel energies from frames, a few frames at once.

use std::f64::consts::PI;
use std::sync::Arc;

use realfft::num_complex::Complex32;
use realfft::{RealFftPlanner, RealToComplex};

use super::LogMelConfig;
use super::filters::{MelFilter, mel_filters};
use super::frames::Signal;
use super::log10::log10;

/// The minimum energy of a mel bin.
const FLOOR: f32 = 1e-10;

/// The value of a silent bin: log10 of the floor.
pub(super) const SILENCE: f32 = -10.0;

/// Number of frames processed together. They are independent, so a frame's values do not depend on its neighbours.
pub(super) const LANES: usize = 16;

/// Precomputed data for a spectrogram's constants.
pub(super) struct Plan {
    pub(super) config: LogMelConfig,
    window: Vec<f32>,
    filters: Vec<MelFilter>,
    fft: Arc<dyn RealToComplex<f32>>,
}

impl Plan {
    pub(super) fn new(config: &LogMelConfig) -> Self {
        Self {
            config: *config,
            window: hann_window(config.n_fft),
            filters: mel_filters(config.sample_rate, config.n_fft, config.n_mels),
            fft: RealFftPlanner::new().plan_fft_forward(config.n_fft),
        }
    }

    /// Number of zeros after a recording with which nothing is reflected at its end.
    pub(super) fn silence_behind(&self) -> usize {
        self.config.n_fft + self.config.hop_length
    }

    pub(super) fn buffers(&self) -> Buffers {
        Buffers {
            frame: self.fft.make_input_vec(),
            spectrum: self.fft.make_output_vec(),
            scratch: self.fft.make_scratch_vec(),
            power: vec![[0.0; LANES]; self.config.n_fft / 2 + 1],
            energies: vec![[SILENCE; LANES]; self.config.n_mels],
        }
    }

    /// log10 of the mel energies of the frames from `first` on, at most [`LANES`] of them: one row per mel bin, one
    /// column per frame. Columns beyond `count` are meaningless.
    pub(super) fn log_energies<'b>(
        &self,
        signal: Signal<'_>,
        first: u64,
        count: usize,
        buffers: &'b mut Buffers,
    ) -> &'b [[f32; LANES]] {
        let Buffers { frame, spectrum, scratch, power, energies } = buffers;
        for lane in 0..count.min(LANES) {
            let centre = (first + lane as u64).saturating_mul(self.config.hop_length as u64);
            signal.weighted_frame(centre, &self.window, frame);
            if self.fft.process_with_scratch(frame, spectrum, scratch).is_err() {
                // Fails only for buffers of a wrong length, and these belong to the plan.
                continue;
            }
            for (power, value) in power.iter_mut().zip(&*spectrum) {
                power[lane] = value.norm_sqr();
            }
        }
        for (energies, filter) in energies.iter_mut().zip(&self.filters) {
            *energies = filter.energies(power);
            for energy in energies {
                *energy = log10(energy.max(FLOOR));
            }
        }
        energies
    }
}

/// Working memory of [`Plan::log_energies`].
pub(super) struct Buffers {
    frame: Vec<f32>,
    spectrum: Vec<Complex32>,
    scratch: Vec<Complex32>,
    power: Vec<[f32; LANES]>,
    energies: Vec<[f32; LANES]>,
}

/// The periodic Hann window, as in `torch.hann_window`.
fn hann_window(length: usize) -> Vec<f32> {
    (0..length).map(|n| (0.5 - 0.5 * (2.0 * PI * n as f64 / length as f64).cos()) as f32).collect()
}
