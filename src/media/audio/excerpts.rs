//! Parts of a recording, presented as a recording.

use std::ops::Range;

use super::{AudioError, Samples};

/// Reads a source and returns only the samples within some ranges, concatenated.
pub struct Excerpts<S> {
    source: S,
    /// In reverse order and not overlapping: the next one is last.
    ranges: Vec<Range<u64>>,
    /// Number of samples read from the source so far.
    position: u64,
    block: Vec<f32>,
}

impl<S: Samples> Excerpts<S> {
    /// Prepares to read `source`. `ranges`, in samples of the source, must be in order and must not overlap.
    pub fn new(source: S, mut ranges: Vec<Range<u64>>) -> Self {
        ranges.reverse();
        Self { source, ranges, position: 0, block: Vec::new() }
    }
}

impl<S: Samples> Samples for Excerpts<S> {
    fn sample_rate(&self) -> u32 {
        self.source.sample_rate()
    }

    fn read(&mut self, samples: &mut Vec<f32>) -> Result<bool, AudioError> {
        let before = samples.len();
        // Nothing after the last range is read.
        while samples.len() == before && !self.ranges.is_empty() {
            self.block.clear();
            if !self.source.read(&mut self.block)? {
                self.ranges.clear();
                break;
            }
            let end = self.position + self.block.len() as u64;
            while let Some(range) = self.ranges.last().filter(|range| range.start < end) {
                let within = |at: u64| (at.clamp(self.position, end) - self.position) as usize;
                samples.extend_from_slice(&self.block[within(range.start)..within(range.end)]);
                if range.end > end {
                    break;
                }
                self.ranges.pop();
            }
            self.position = end;
        }
        Ok(samples.len() > before)
    }

    fn warnings(&self) -> &[String] {
        self.source.warnings()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::audio::SliceReader;

    #[test]
    fn returns_exactly_the_ranges_across_the_blocks_of_the_source() {
        let recording: Vec<f32> = (0..50_000).map(|n| n as f32).collect();
        let ranges = [0..3, 10..10, 16_380..16_390, 16_384 + 20..40_000, 49_999..60_000];
        let expected: Vec<f32> =
            ranges.iter().flat_map(|range| range.start..range.end.min(50_000)).map(|n| n as f32).collect();
        let ranges = ranges.iter().map(|range| range.start as u64..range.end as u64).collect();
        let mut excerpts = Excerpts::new(SliceReader::new(&recording, 16_000), ranges);
        let mut samples = Vec::new();
        while excerpts.read(&mut samples).unwrap() {}
        // 16,380..16,390 and 16,404.. do not overlap: nothing comes twice.
        assert_eq!(samples, expected);
        assert!(!excerpts.read(&mut samples).unwrap());
    }

    #[test]
    fn no_ranges_yield_no_samples() {
        let mut excerpts = Excerpts::new(SliceReader::new(&[1.0; 100], 16_000), Vec::new());
        assert!(!excerpts.read(&mut Vec::new()).unwrap());
    }
}
