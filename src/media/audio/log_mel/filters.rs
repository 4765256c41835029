//! The mel filter bank, equal to `librosa.filters.mel(sr, n_fft, n_mels)` with its defaults: triangles between points
//! that are evenly spaced on Slaney's mel scale from 0 Hz to half the sample rate, each scaled to unit area.
//!
//! The scale is that of M. Slaney, "Auditory Toolbox", 1998: linear below 1 kHz, logarithmic above.

/// Hz per mel in the linear part.
const HZ_PER_MEL: f64 = 200.0 / 3.0;
/// Frequency at which the logarithmic part begins.
const LOG_START_HZ: f64 = 1000.0;
const LOG_START_MEL: f64 = LOG_START_HZ / HZ_PER_MEL;
/// A step of one mel in the logarithmic part multiplies by 6.4^(1/27).
const STEPS_PER_6_4: f64 = 27.0;

/// One triangle. It covers few bins of the spectrum, so only those are kept.
pub(super) struct MelFilter {
    first_bin: usize,
    weights: Vec<f32>,
}

impl MelFilter {
    /// The energy that passes the filter, for the power spectra of `LANES` frames, interleaved by bin.
    pub(super) fn energies<const LANES: usize>(&self, power: &[[f32; LANES]]) -> [f32; LANES] {
        let mut sums = [0.0; LANES];
        for (weight, power) in self.weights.iter().zip(power.iter().skip(self.first_bin)) {
            for (sum, power) in sums.iter_mut().zip(power) {
                *sum += weight * power;
            }
        }
        sums
    }
}

/// The `n_mels` filters for spectra of `n_fft / 2 + 1` bins.
pub(super) fn mel_filters(sample_rate: u32, n_fft: usize, n_mels: usize) -> Vec<MelFilter> {
    let nyquist = f64::from(sample_rate) / 2.0;
    let highest = hz_to_mel(nyquist);
    let edges: Vec<f64> =
        (0..n_mels + 2).map(|point| mel_to_hz(highest * point as f64 / (n_mels + 1) as f64)).collect();
    edges
        .windows(3)
        .map(|edge| {
            let area = 2.0 / (edge[2] - edge[0]);
            let weight = |bin: usize| {
                let hz = bin as f64 * f64::from(sample_rate) / n_fft as f64;
                let rising = (hz - edge[0]) / (edge[1] - edge[0]);
                let falling = (edge[2] - hz) / (edge[2] - edge[1]);
                // librosa rounds to f32 before and after scaling.
                let triangle = rising.min(falling).max(0.0) as f32;
                (f64::from(triangle) * area) as f32
            };
            let bins = n_fft / 2 + 1;
            let first_bin = (0..bins).find(|&bin| weight(bin) > 0.0).unwrap_or(0);
            let weights = (first_bin..bins).map(weight).take_while(|&weight| weight > 0.0).collect();
            MelFilter { first_bin, weights }
        })
        .collect()
}

fn hz_to_mel(hz: f64) -> f64 {
    if hz < LOG_START_HZ {
        hz / HZ_PER_MEL
    } else {
        LOG_START_MEL + (hz / LOG_START_HZ).ln() * STEPS_PER_6_4 / 6.4f64.ln()
    }
}

fn mel_to_hz(mel: f64) -> f64 {
    if mel < LOG_START_MEL {
        mel * HZ_PER_MEL
    } else {
        LOG_START_HZ * ((mel - LOG_START_MEL) * 6.4f64.ln() / STEPS_PER_6_4).exp()
    }
}
