//! Sample rate conversion: `rubato`'s FFT resampler, block by block, with its delay compensated.

use rubato::audioadapter_buffers::direct::SequentialSlice;
use rubato::{Fft, FixedSync, Resampler as _, WindowFunction};

use super::AudioError;

/// Frames per FFT block on the side of the lower rate. The anti-aliasing filter is as long as the block: 512 keep
/// the lower 97 % of the band and the filter's ringing within 32 ms at 16 kHz.
const BLOCK: usize = 512;

/// Resamples a mono stream. The result does not depend on how the stream is divided into pushes.
pub(super) struct Resampler {
    fft: Fft<f32>,
    rates: (u64, u64),
    /// Input that does not fill a block yet.
    pending: Vec<f32>,
    /// One block of output.
    block: Vec<f32>,
    /// Number of output frames still to drop: the delay of the filter.
    skip: usize,
    received: u64,
    written: u64,
}

impl Resampler {
    pub(super) fn new(from: u32, to: u32) -> Result<Self, AudioError> {
        let (from, to) = (from as usize, to as usize);
        let divisor = gcd(from, to);
        // An even number of the smallest units, so that the delay, half a block, is an integer number of frames on both
        // sides.
        let unit = from.min(to) / divisor;
        let units = BLOCK.div_ceil(unit).next_multiple_of(2);
        let fft =
            Fft::new_custom(from, to, units * (from / divisor), 1, 1, WindowFunction::BlackmanHarris2, FixedSync::Both)
                .map_err(|error| AudioError::Resample(error.to_string()))?;
        Ok(Self {
            rates: (from as u64, to as u64),
            pending: Vec::with_capacity(fft.input_frames_next()),
            block: vec![0.0; fft.output_frames_next()],
            skip: fft.output_delay(),
            fft,
            received: 0,
            written: 0,
        })
    }

    /// Accepts samples and appends the finished output to `output`.
    pub(super) fn push(&mut self, mut samples: &[f32], output: &mut Vec<f32>) -> Result<(), AudioError> {
        self.received += samples.len() as u64;
        while !samples.is_empty() {
            let missing = self.fft.input_frames_next() - self.pending.len();
            let (head, tail) = samples.split_at(missing.min(samples.len()));
            self.pending.extend_from_slice(head);
            samples = tail;
            if head.len() == missing {
                self.process(output, u64::MAX)?;
            }
        }
        Ok(())
    }

    /// Appends the rest. The total number of samples written is then `round(received * to / from)`.
    pub(super) fn finish(mut self, output: &mut Vec<f32>) -> Result<(), AudioError> {
        let (from, to) = self.rates;
        let total = (self.received * to + from / 2) / from;
        // Because of the delay, never more has been written than received.
        while self.written < total {
            self.pending.resize(self.fft.input_frames_next(), 0.0);
            self.process(output, total)?;
        }
        Ok(())
    }

    /// Resamples the pending block and appends it, up to `total` samples overall.
    fn process(&mut self, output: &mut Vec<f32>, total: u64) -> Result<(), AudioError> {
        let describe = |error: &dyn std::fmt::Display| AudioError::Resample(error.to_string());
        let input = SequentialSlice::new(&self.pending[..], 1, self.pending.len()).map_err(|error| describe(&error))?;
        let frames = self.block.len();
        let mut block = SequentialSlice::new_mut(&mut self.block[..], 1, frames).map_err(|error| describe(&error))?;
        let (_, frames) = self.fft.process_into_buffer(&input, &mut block, None).map_err(|error| describe(&error))?;
        self.pending.clear();

        let skip = self.skip.min(frames);
        self.skip -= skip;
        let wanted = usize::try_from(total - self.written).unwrap_or(usize::MAX);
        let ready = &self.block[skip..frames];
        let ready = &ready[..wanted.min(ready.len())];
        output.extend_from_slice(ready);
        self.written += ready.len() as u64;
        Ok(())
    }
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}
