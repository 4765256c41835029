//! The spectrogram of samples that are still arriving.

use std::sync::Arc;

use super::LogMelConfig;
use super::frames::Signal;
use super::plan::{Buffers, LANES, Plan, SILENCE};

/// Number of samples processed at a time.
const BLOCK: usize = LANES * 160;

/// Length and loudness of a recording.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Extent {
    /// Number of samples, without padding.
    pub samples: u64,
    /// Number of frames that begin within them: `samples / hop_length`.
    pub frames: usize,
    /// The largest log10 of a mel energy, at least that of silence, -10.
    pub loudest: f32,
}

/// Computes the frames of a recording while its samples arrive, in memory that does not grow with it.
///
/// A frame is `n_mels` values of log10 of the mel energies, appended to `columns` one frame after the other: exactly
/// the values that [`super::LogMel::compute`] has before floor and scale, however the samples are divided into pushes.
/// [`super::normalise`] does the rest.
pub struct LogMelStream {
    plan: Arc<Plan>,
    buffers: Buffers,
    /// The last samples, which the next frame needs.
    held: Vec<f32>,
    /// The number of samples before the first one in memory.
    first: u64,
    /// Number of finished frames.
    frames: u64,
    loudest: f32,
}

impl LogMelStream {
    pub(super) fn new(plan: Arc<Plan>) -> Self {
        Self { buffers: plan.buffers(), held: Vec::new(), first: 0, frames: 0, loudest: SILENCE, plan }
    }

    /// Accepts mono samples in [-1, 1] and appends the frames that they finish. A frame is finished half a frame length
    /// after its centre.
    pub fn push(&mut self, samples: &[f32], columns: &mut Vec<f32>) {
        for block in samples.chunks(BLOCK) {
            self.held.extend_from_slice(block);
            self.finish_frames(self.received(), self.ready_frames(), columns);
            self.let_go();
        }
    }

    /// Ends the recording with `padding` zeros after it, reflects its end, and appends the remaining frames, except
    /// silent ones: of the `(samples + padding) / hop_length` frames in total, those missing in `columns` contain
    /// nothing but zeros of the padding, and all of their values are that of silence, -10.
    pub fn finish(mut self, padding: usize, columns: &mut Vec<f32>) -> Extent {
        let LogMelConfig { n_fft, hop_length, .. } = self.plan.config;
        let samples = self.received();
        let len = samples.saturating_add(padding as u64);
        let sounding = Signal::part(&self.held, self.first, len).sounding_frames(n_fft, hop_length);
        self.finish_frames(len, sounding.min(len / hop_length as u64), columns);
        let frames = usize::try_from(samples / hop_length as u64).unwrap_or(usize::MAX);
        Extent { samples, frames, loudest: self.loudest }
    }

    /// Number of samples received.
    pub fn received(&self) -> u64 {
        self.first + self.held.len() as u64
    }

    /// The largest value of the frames so far, at least that of silence, -10.
    pub fn loudest(&self) -> f32 {
        self.loudest
    }

    /// Number of frames that the samples so far determine, whatever follows.
    fn ready_frames(&self) -> u64 {
        let LogMelConfig { n_fft, hop_length, .. } = self.plan.config;
        let (half, hop, received) = (n_fft as u64 / 2, hop_length as u64, self.received());
        // The first frames reflect the beginning, which needs one sample more than half a frame.
        if received < (n_fft as u64 - half).max(half + 1) {
            return 0;
        }
        // The last sample of frame f is f * hop + n_fft - half - 1; with fewer samples than a hop there may be no such
        // frame.
        ((received + half - n_fft as u64) / hop + 1).min(received / hop)
    }

    /// Finishes frames up to `end` of a signal of `len` samples.
    fn finish_frames(&mut self, len: u64, end: u64, columns: &mut Vec<f32>) {
        while self.frames < end {
            let count = (end - self.frames).min(LANES as u64) as usize;
            let signal = Signal::part(&self.held, self.first, len);
            let energies = self.plan.log_energies(signal, self.frames, count, &mut self.buffers);
            let start = columns.len();
            columns.resize(start + count * energies.len(), SILENCE);
            let columns = &mut columns[start..];
            for (lane, column) in columns.chunks_exact_mut(energies.len()).enumerate() {
                column.iter_mut().zip(energies).for_each(|(value, energies)| *value = energies[lane]);
            }
            self.loudest = columns.iter().copied().fold(self.loudest, f32::max);
            self.frames += count as u64;
        }
    }

    /// Drops the samples before the next frame. Samples that the end reflects into a frame are within that frame,
    /// because its centre is before the end.
    fn let_go(&mut self) {
        let LogMelConfig { n_fft, hop_length, .. } = self.plan.config;
        let next = (self.frames * hop_length as u64).saturating_sub(n_fft as u64 / 2);
        let start = next.min(self.received());
        let done = (start - self.first) as usize;
        self.held.drain(..done);
        self.first = start;
    }

    #[cfg(test)]
    pub(super) fn held_capacity(&self) -> usize {
        self.held.capacity()
    }
}
