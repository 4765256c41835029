//! Pauses between the packets of Matroska and WebM: an encoder that leaves out packets during silence (Opus with
//! discontinuous transmission), or a recorder that lost some, shows it by timestamps only.

/// A gap of no more than this is the jitter of a recorder's clock.
const SHORTEST: f64 = 0.1;

/// A gap of more than this is taken for a change of clocks. Opus sends a packet every 0.4 s of silence.
const LONGEST: f64 = 30.0;

/// Maximum ratio of silence to sound, to bound the effect of damaged timestamps.
const MOST_SILENCE_PER_SOUND: f64 = 30.0;

/// Compares the packets' timestamps with their sound.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    /// Where the next packet should begin, by the timestamps; `None` before the first.
    expected: Option<f64>,
    /// Seconds of sound so far, and of silence that was put between.
    sound: f64,
    pub(super) filled: f64,
    /// Gaps that are not filled, and their seconds.
    pub(super) ignored: (usize, f64),
}

impl Gaps {
    /// Seconds of silence that belong before a packet with this timestamp.
    pub(super) fn before(&mut self, at: f64) -> f64 {
        let Some(expected) = self.expected else {
            self.expected = Some(at);
            return 0.0;
        };
        let gap = at - expected;
        // Packets of one block may share its timestamp: an early packet is not a gap, and moves nothing.
        self.expected = Some(expected.max(at));
        if gap <= SHORTEST {
            return 0.0;
        }
        if gap > LONGEST || self.filled + gap > MOST_SILENCE_PER_SOUND * self.sound {
            self.ignored = (self.ignored.0 + 1, self.ignored.1 + gap);
            return 0.0;
        }
        self.filled += gap;
        gap
    }

    /// Begins another recording, with its own timestamps.
    pub(super) fn restart(&mut self) {
        self.expected = None;
    }

    /// Records the duration of a packet in seconds.
    pub(super) fn after(&mut self, seconds: f64) {
        self.sound += seconds;
        self.expected = self.expected.map(|expected| expected + seconds);
    }

    /// The warning at the end, if any.
    pub(super) fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.filled > 0.0 {
            warnings.push(format!("packets are missing; {:.1} s of silence were put in their place", self.filled));
        }
        if let (gaps @ 1.., seconds) = self.ignored {
            warnings.push(format!("its timestamps jump {gaps} times, by {seconds:.1} s in all, which is ignored"));
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Silence before each of some packets of 20 ms with these timestamps.
    fn silence(starts: &[f64]) -> Vec<f64> {
        let mut gaps = Gaps::default();
        let silence = |&start: &f64| {
            let before = gaps.before(start);
            gaps.after(0.02);
            before
        };
        starts.iter().map(silence).collect()
    }

    #[test]
    fn what_was_left_out_is_silence() {
        let found = silence(&[0.0, 0.02, 0.42, 0.44]);
        assert_eq!((found[0], found[1], found[3]), (0.0, 0.0, 0.0));
        assert!((found[2] - 0.38).abs() < 1e-9, "{found:?}");
        // Relative to the start of the recording, whatever its first timestamp.
        assert_eq!(silence(&[1_000.0, 1_000.02]), [0.0, 0.0]);
    }

    #[test]
    fn jitter_laces_and_slow_clocks_are_no_gaps() {
        assert_eq!(silence(&[0.0, 0.06, 0.07, 0.13]), [0.0; 4]);
        // Three packets a block.
        assert_eq!(silence(&[0.0, 0.0, 0.0, 0.06, 0.06, 0.06, 0.12]), [0.0; 7]);
        // A clock that gains 1 ms with each packet.
        let starts: Vec<f64> = (0..1_000).map(|n| f64::from(n) * 0.021).collect();
        assert!(silence(&starts).iter().all(|gap| *gap == 0.0));
        // And one that goes back.
        assert_eq!(silence(&[5.0, 5.02, 1.0, 1.02]), [0.0; 4]);
    }

    #[test]
    fn silence_has_an_end() {
        let mut gaps = Gaps::default();
        let (mut at, mut sum) = (0.0, 0.0);
        for _ in 0..1_000 {
            sum += gaps.before(at);
            gaps.after(0.02);
            at += 29.0;
        }
        assert!(sum <= MOST_SILENCE_PER_SOUND * 20.0 && sum > 0.0, "{sum}");
        assert!(gaps.before(at + 40.0) == 0.0 && gaps.ignored.0 > 900, "{gaps:?}");
        assert_eq!(gaps.warnings().len(), 2);
    }
}
