//! From places in the speech alone back to places in the recording, after faster-whisper's `SpeechTimestampsMap`.

use super::stretch::Stretch;

/// Which side of a place belongs to it, where two stretches meet in the speech.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edge {
    /// Something begins there: the start of the stretch that follows.
    Start,
    /// Something ends there: the end of the stretch before.
    End,
}

/// Maps places in what is left of a recording when the silence is cut out of it back to places in the recording. Takes
/// two numbers a stretch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpeechMap {
    /// For each stretch, where it ends in the speech alone, and in the recording.
    ends: Vec<(u64, u64)>,
}

impl SpeechMap {
    /// A map over stretches in their order. Empty ones are left out.
    pub fn new(stretches: &[Stretch]) -> Self {
        let mut map = SpeechMap::default();
        stretches.iter().for_each(|stretch| map.push(*stretch));
        map
    }

    /// Adds the stretch that comes next.
    pub fn push(&mut self, stretch: Stretch) {
        if stretch.samples() > 0 {
            self.ends.push((self.samples() + stretch.samples(), stretch.end));
        }
    }

    /// Samples of speech, all stretches together.
    pub fn samples(&self) -> u64 {
        self.ends.last().map_or(0, |(end, _)| *end)
    }

    /// The sample of the recording that is sample `at` of the speech. What lies past the speech is the end of its last
    /// stretch; with no stretch at all, `at` itself.
    pub fn sample(&self, at: u64, edge: Edge) -> u64 {
        self.index(at, edge).map_or(at, |index| self.within(index, at))
    }

    /// As [`SpeechMap::sample`], in seconds of `sample_rate` samples. Taken to the nearest sample first.
    pub fn seconds(&self, at: f64, edge: Edge, sample_rate: u32) -> f64 {
        let rate = f64::from(sample_rate);
        self.sample(nearest(at, rate), edge) as f64 / rate
    }

    /// Start and end, in seconds, of something short, such as a word, that lies in one stretch: the one of its middle.
    /// What reaches past that stretch, by the inaccuracy of the times, is taken to the stretch's own edge.
    pub fn span(&self, start: f64, end: f64, sample_rate: u32) -> (f64, f64) {
        let rate = f64::from(sample_rate);
        let (start, end) = (nearest(start, rate), nearest(end, rate));
        let map = |at| match self.index(start.midpoint(end), Edge::Start) {
            Some(index) => self.within(index, at) as f64 / rate,
            None => at as f64 / rate,
        };
        (map(start), map(end))
    }

    /// The stretch that sample `at` of the speech is in, or the last; `None` where there is none.
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
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before].0);
        end_in_recording - (end - at.clamp(start, end))
    }
}

/// The sample nearest to a time; 0 for a negative one or none.
fn nearest(seconds: f64, rate: f64) -> u64 {
    // The conversion of a float saturates, and takes NaN to 0.
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
        // Past the end, as the last window of a model filled up with silence may say.
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
        assert_eq!(map.span(0.9, 1.04, 100), (2.9, 3.0));
        assert_eq!(map.span(0.98, 1.3, 100), (10.0, 10.3));
        assert_eq!(map.span(0.5, 0.6, 100), (2.5, 2.6));
    }

    #[test]
    fn without_stretches_nothing_moves() {
        assert_eq!(SpeechMap::default().sample(7, Edge::End), 7);
        assert_eq!(SpeechMap::default().span(0.5, 1.0, 100), (0.5, 1.0));
    }
}
