//! A levelled copy of quiet sound, for the voice activity detector only.
//!
//! Silero VAD misses speech below about -40 dBFS, and speech on a constant offset, both of which Whisper transcribes
//! without trouble. If some seconds of sound are that quiet or that far off centre, the network runs a second time over
//! a copy with the offset removed and a bounded gain applied, and the higher probability counts. Sound at a normal
//! level is never modified, so its probabilities are exactly Silero's.

use std::collections::VecDeque;

/// Sound whose peak stays below this for some seconds is quiet: -30 dBFS.
const QUIET_PEAK: f32 = 0.031_6;

/// Peak of the levelled copy: -12 dBFS.
const TARGET_PEAK: f32 = 0.25;

/// Highest gain: 50 dB. One step of a 16-bit sample then reaches -40 dBFS.
const MAX_GAIN: f32 = 316.0;

/// A mean further from 0 than this is an offset that disturbs the network.
const LARGEST_OFFSET: f32 = 0.02;

/// Pole of the high-pass that removes the offset: 20 Hz at 16 kHz.
const POLE: f64 = 0.992_146;

/// Classification of a block.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Block {
    /// At a normal level, or close to sound at a normal level.
    Normal,
    /// Without any signal.
    Silent,
    /// Quiet or off centre, with its levelled copy, context first.
    Levelled(Vec<f32>),
}

/// Levels one recording block by block. Its state does not grow with the recording.
pub(super) struct Leveller {
    /// Last input and output of the high-pass; `None` before the first sample.
    filter: Option<(f64, f64)>,
    peaks: VecDeque<f32>,
    /// The filtered context, then the filtered block.
    filtered: Vec<f32>,
    context: usize,
    /// Number of blocks whose peak sets the level: after them, a loud click is forgotten.
    held_blocks: usize,
}

impl Leveller {
    /// A leveller at the start of a recording; `context` is the number of samples that the network sees before a block,
    /// and the level is measured over `held_blocks` blocks.
    pub fn new(context: usize, held_blocks: usize) -> Self {
        Leveller {
            filter: None,
            peaks: VecDeque::with_capacity(held_blocks),
            filtered: vec![0.0; context],
            context,
            held_blocks,
        }
    }

    /// Processes the next block.
    pub fn push(&mut self, block: &[f32]) -> Block {
        let passed = self.filtered.len() - self.context;
        self.filtered.drain(..passed);
        let mut peak = 0.0_f32;
        let mut sum = 0.0_f64;
        for &sample in block {
            sum += f64::from(sample);
            let sample = f64::from(sample);
            let (before, out) = self.filter.unwrap_or((sample, 0.0));
            let out = sample - before + POLE * out;
            self.filter = Some((sample, out));
            peak = peak.max(out.abs() as f32);
            self.filtered.push(out as f32);
        }
        if self.peaks.len() == self.held_blocks {
            self.peaks.pop_front();
        }
        self.peaks.push_back(peak);
        let level = self.peaks.iter().copied().fold(0.0, f32::max);
        let offset = (sum / block.len().max(1) as f64).abs() as f32;
        // Below one step of a 24-bit sample there is nothing but the filter's own decay.
        if level < 1e-7 {
            return Block::Silent;
        }
        if level >= QUIET_PEAK && offset <= LARGEST_OFFSET {
            return Block::Normal;
        }
        let gain = (TARGET_PEAK / level).clamp(1.0, MAX_GAIN);
        Block::Levelled(self.filtered.iter().map(|sample| (sample * gain).clamp(-1.0, 1.0)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: usize = 8_192;
    const HELD_BLOCKS: usize = 8;

    /// 2.5 kHz: so far above the high-pass that its settling adds less than 1 % to the peak.
    fn tone(peak: f32, offset: f32, samples: usize) -> Vec<f32> {
        (0..samples).map(|at| offset + peak * (at as f32).sin()).collect()
    }

    fn peak(samples: &[f32]) -> f32 {
        samples.iter().fold(0.0, |peak, sample| peak.max(sample.abs()))
    }

    #[track_caller]
    fn levelled(block: Block) -> Vec<f32> {
        match block {
            Block::Levelled(samples) => samples,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_normal_level_and_silence_are_left_alone() {
        let mut leveller = Leveller::new(64, HELD_BLOCKS);
        assert_eq!(leveller.push(&vec![0.0; BLOCK]), Block::Silent);
        assert_eq!(leveller.push(&tone(0.05, 0.0, BLOCK)), Block::Normal);
        // The level holds over a pause of less than four seconds.
        for _ in 0..HELD_BLOCKS - 1 {
            assert_eq!(leveller.push(&tone(0.001, 0.0, BLOCK)), Block::Normal);
        }
        levelled(leveller.push(&tone(0.001, 0.0, BLOCK)));
    }

    #[test]
    fn quiet_sound_is_brought_to_the_target_and_no_further_than_the_bound() {
        for (level, expected) in [(0.01, TARGET_PEAK), (0.001, TARGET_PEAK), (0.000_1, 0.031_6)] {
            let levelled = levelled(Leveller::new(64, HELD_BLOCKS).push(&tone(level, 0.0, BLOCK)));
            assert_eq!(levelled.len(), 64 + BLOCK);
            assert!((peak(&levelled) / expected - 1.0).abs() < 0.02, "{level}: {}", peak(&levelled));
        }
    }

    #[test]
    fn an_offset_is_removed_at_any_level() {
        for level in [0.005, 0.3] {
            let mut leveller = Leveller::new(64, HELD_BLOCKS);
            leveller.push(&tone(level, 0.244, BLOCK));
            let levelled = levelled(leveller.push(&tone(level, 0.244, BLOCK)));
            let mean = levelled.iter().sum::<f32>() / levelled.len() as f32;
            assert!(mean.abs() < 0.01, "{level}: {mean}");
            assert!((0.2..=0.35).contains(&peak(&levelled)), "{level}: {}", peak(&levelled));
        }
    }

    #[test]
    fn the_context_is_the_end_of_the_block_before() {
        let mut leveller = Leveller::new(64, HELD_BLOCKS);
        let first = levelled(leveller.push(&tone(0.01, 0.0, BLOCK)));
        let second = levelled(leveller.push(&tone(0.01, 0.0, BLOCK)));
        assert!(first[BLOCK..].iter().zip(&second[..64]).all(|(a, b)| (a - b).abs() < 0.01));
    }
}
