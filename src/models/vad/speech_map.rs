//! Maps positions in the concatenated speech back to positions in the recording, like faster-whisper's
//! `SpeechTimestampsMap`.

use super::stretch::Stretch;

/// Times of segments are inaccurate by some tenths of a second, and a stretch has up to 0.4 s of padding on either
/// side, in which nobody speaks: a span that reaches over a cut by no more than that padding and as much again is not in
/// the stretch after the cut.
const SPILL_SECONDS: f64 = 0.8;

/// Which of two adjacent stretches a position at their border belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// The start of a span: belongs to the stretch that follows.
    Start,
    /// The end of a span: belongs to the stretch before.
    End,
}

/// Maps positions in the concatenated speech back to positions in the recording. Stores two numbers per stretch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpeechMap {
    /// For each stretch, where it ends in the concatenated speech, and in the recording.
    ends: Vec<(u64, u64)>,
}

impl SpeechMap {
    /// A map of stretches in order. Empty ones are left out.
    pub fn new(stretches: &[Stretch]) -> Self {
        let mut map = SpeechMap::default();
        stretches.iter().for_each(|stretch| map.push(*stretch));
        map
    }

    /// Appends a stretch.
    pub fn push(&mut self, stretch: Stretch) {
        if stretch.samples() > 0 {
            self.ends.push((self.samples() + stretch.samples(), stretch.end));
        }
    }

    /// Number of samples of all stretches together.
    pub fn samples(&self) -> u64 {
        self.ends.last().map_or(0, |(end, _)| *end)
    }

    /// The sample of the recording that corresponds to sample `at` of the speech. Positions after the speech map to the
    /// end of its last stretch; without any stretch the result is `at` itself.
    pub fn sample(&self, at: u64, edge: Edge) -> u64 {
        self.index(at, edge).map_or(at, |index| self.within(index, at))
    }

    /// As [`SpeechMap::sample`], in seconds of `sample_rate` samples. Rounded to the nearest sample first.
    pub fn seconds(&self, at: f64, edge: Edge, sample_rate: u32) -> f64 {
        let rate = f64::from(sample_rate);
        self.sample(nearest(at, rate), edge) as f64 / rate
    }

    /// Start and end, in seconds, of a short span, such as a word, within one stretch: the stretch of its middle.
    /// Parts outside that stretch, due to inaccurate times, are moved to its edge.
    pub fn word(&self, start: f64, end: f64, sample_rate: u32) -> (f64, f64) {
        let rate = f64::from(sample_rate);
        let (start, end) = (nearest(start, rate), nearest(end, rate));
        let middle = self.index(start.midpoint(end), Edge::Start);
        self.within_stretches(middle, middle, (start, end), rate)
    }

    /// Start and end, in seconds, of a longer span, such as a sentence, that may cover several stretches. An end
    /// slightly after a cut belongs to the stretch before it, and a start slightly before a cut to the stretch after
    /// it: at most 0.8 s, and less than half of the stretch that it reaches into. The stretch with the largest part
    /// always counts, so the result is never inside silence that was cut out.
    ///
    /// The order of spans is preserved.
    pub fn span(&self, start: f64, end: f64, sample_rate: u32) -> (f64, f64) {
        let rate = f64::from(sample_rate);
        let (start, end) = (nearest(start, rate), nearest(end, rate));
        if end <= start {
            return self.word(start as f64 / rate, start as f64 / rate, sample_rate);
        }
        let (mut first, mut last) = (self.index(start, Edge::Start), self.index(end, Edge::End));
        if let (Some(from), Some(to)) = (first, last) {
            let part = |index: usize| {
                let (from, to) = (self.start_of(index), self.ends[index].0);
                (end.min(to).saturating_sub(start.max(from)), to - from)
            };
            let spills = |index: usize| {
                let (part, stretch) = part(index);
                part as f64 <= SPILL_SECONDS * rate && 2 * part < stretch
            };
            let largest = (from..=to).max_by_key(|&index| (part(index).0, std::cmp::Reverse(index))).unwrap_or(from);
            first = (from..=largest).find(|&index| index == largest || !spills(index));
            last = (largest..=to).rev().find(|&index| index == largest || !spills(index));
        }
        self.within_stretches(first, last, (start, end), rate)
    }

    /// Two samples of the speech in seconds of the recording: the first within the stretch `first`, the second within
    /// `last`.
    fn within_stretches(
        &self,
        first: Option<usize>,
        last: Option<usize>,
        (start, end): (u64, u64),
        rate: f64,
    ) -> (f64, f64) {
        let map = |index: Option<usize>, at: u64| index.map_or(at, |index| self.within(index, at)) as f64 / rate;
        (map(first, start), map(last, end))
    }

    /// Where the stretch `index` starts in the concatenated speech.
    fn start_of(&self, index: usize) -> u64 {
        index.checked_sub(1).map_or(0, |before| self.ends[before].0)
    }

    /// The stretch that contains sample `at` of the speech, or the last one; `None` if there is none.
    fn index(&self, at: u64, edge: Edge) -> Option<usize> {
        let index = match edge {
            Edge::Start => self.ends.partition_point(|(end, _)| *end <= at),
            Edge::End => self.ends.partition_point(|(end, _)| *end < at),
        };
        Some(index.min(self.ends.len().checked_sub(1)?))
    }

    /// Sample `at` of the speech as a sample of the recording, within the stretch `index`.
    fn within(&self, index: usize, at: u64) -> u64 {
        let (end, end_in_recording) = self.ends[index];
        let start = self.start_of(index);
        end_in_recording - (end - at.clamp(start, end))
    }
}

/// The sample nearest to a time; 0 if the time is negative or NaN.
fn nearest(seconds: f64, rate: f64) -> u64 {
    // The conversion from float saturates, and NaN becomes 0.
    (seconds * rate).round() as u64
}

#[cfg(test)]
mod tests {
    use super::{Edge, SpeechMap};
    use crate::models::vad::Stretch;

    fn map() -> SpeechMap {
        // 1 s of speech from 2 s on, 2 s from 10 s on, at 100 Hz.
        SpeechMap::new(&[
            Stretch { start: 200, end: 300 },
            Stretch { start: 400, end: 400 },
            Stretch { start: 1_000, end: 1_200 },
        ])
    }

    #[test]
    fn a_boundary_is_the_end_of_what_ends_and_the_start_of_what_starts() {
        let map = map();
        assert_eq!(map.samples(), 300);
        for (at, start, end) in
            [(0, 200, 200), (50, 250, 250), (99, 299, 299), (100, 1_000, 300), (101, 1_001, 1_001), (300, 1_200, 1_200)]
        {
            assert_eq!((map.sample(at, Edge::Start), map.sample(at, Edge::End)), (start, end), "{at}");
        }
        // Past the end, as may occur in the last window, which is padded with silence.
        assert_eq!(map.sample(5_000, Edge::End), 1_200);
    }

    #[test]
    fn seconds_are_those_of_the_nearest_sample() {
        // 1.1 - 0.1 is a little more than 1.
        assert_eq!(map().seconds(1.1 - 0.1, Edge::End, 100), 3.0);
        assert_eq!(map().seconds(0.999_999, Edge::Start, 100), 10.0);
        assert_eq!(map().seconds(-1.0, Edge::Start, 100), 2.0);
        assert_eq!(map().seconds(f64::NAN, Edge::Start, 100), 2.0);
    }

    #[test]
    fn a_word_stays_in_the_stretch_of_its_middle() {
        let map = map();
        assert_eq!(map.word(0.9, 1.04, 100), (2.9, 3.0));
        assert_eq!(map.word(0.98, 1.3, 100), (10.0, 10.3));
        assert_eq!(map.word(0.5, 0.6, 100), (2.5, 2.6));
    }

    /// 5 s of speech from 1 s on, 4 s from 20 s on, 3 s from 50 s on, at 100 Hz: cuts at 5 s and 9 s.
    fn three() -> SpeechMap {
        SpeechMap::new(&[(100, 600), (2_000, 2_400), (5_000, 5_300)].map(|(start, end)| Stretch { start, end }))
    }

    #[test]
    fn a_boundary_near_a_cut_belongs_to_the_side_of_its_segment() {
        for hundredths in -20..=20 {
            let cut = 5.0 + f64::from(hundredths) / 100.0;
            let (start, end) = three().span(0.5, cut, 100);
            assert!(start == 1.5 && (5.8..=6.0).contains(&end), "{cut}: {end}");
            let (start, end) = three().span(cut, 8.0, 100);
            assert!((20.0..=20.2).contains(&start) && end == 23.0, "{cut}: {start}");
            // From one cut to the next: one stretch, whole.
            let (start, end) = three().span(cut, 9.0 + f64::from(hundredths) / 100.0, 100);
            assert!((20.0..=20.2).contains(&start) && (23.8..=24.0).contains(&end), "{cut}: {start} {end}");
        }
    }

    #[test]
    fn a_segment_that_covers_several_stretches_keeps_both_ends() {
        assert_eq!(three().span(3.0, 7.0, 100), (4.0, 22.0));
        assert_eq!(three().span(0.0, 12.0, 100), (1.0, 53.0));
        assert_eq!(three().span(4.9, 12.0, 100), (20.0, 53.0));
        assert_eq!(three().span(4.1, 9.9, 100), (5.1, 50.9));
        // Speech begins 0.4 s after a cut, and Whisper's times are a little late.
        assert_eq!(three().span(0.0, 5.65, 100), (1.0, 6.0));
        // A short stretch that is covered completely counts.
        let short = SpeechMap::new(&[(0, 30), (1_000, 1_300)].map(|(start, end)| Stretch { start, end }));
        assert_eq!(short.span(0.0, 3.3, 100), (0.0, 13.0));
        assert_eq!(short.span(0.2, 3.3, 100), (10.0, 13.0));
    }

    #[test]
    fn spans_in_order_stay_in_order_and_out_of_the_pauses() {
        let map = three();
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..2_000 {
            let mut ends: Vec<f64> = (0..8).map(|_| f64::from(random.u32(0..1_300)) / 100.0).collect();
            ends.sort_by(f64::total_cmp);
            let mut last = 0.0;
            for pair in ends.windows(2) {
                let (start, end) = map.span(pair[0], pair[1], 100);
                assert!(last <= start && start <= end, "{ends:?}");
                for at in [start, end] {
                    let said =
                        [(1.0, 6.0), (20.0, 24.0), (50.0, 53.0)].iter().any(|(from, to)| (*from..=*to).contains(&at));
                    assert!(said, "{ends:?}: {at}");
                }
                last = end;
            }
        }
    }

    #[test]
    fn without_stretches_nothing_moves() {
        assert_eq!(SpeechMap::default().sample(7, Edge::End), 7);
        assert_eq!(SpeechMap::default().span(0.5, 1.0, 100), (0.5, 1.0));
        assert_eq!(SpeechMap::default().word(0.5, 1.0, 100), (0.5, 1.0));
    }
}
