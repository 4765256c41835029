//! Pauses between attempts to reach somebody.

use std::time::Duration;

const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// The time until the next attempt: about a second at first, about a minute at most, never the same for two devices.
#[derive(Default)]
pub struct Pause {
    failures: u32,
}

impl Pause {
    /// The pause after another failed attempt.
    pub fn next(&mut self) -> Duration {
        let longest = (SHORTEST * 2u32.saturating_pow(self.failures.min(10))).min(LONGEST);
        self.failures += 1;
        longest.mul_f64(0.5 + fastrand::f64() / 2.0)
    }

    /// An attempt succeeded.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_differ() {
        let mut pause = Pause::default();
        let bounds = [1, 2, 4, 8, 16, 32, 60, 60, 60];
        for longest in bounds.map(Duration::from_secs) {
            let next = pause.next();
            assert!(next >= longest / 2 && next <= longest, "{next:?} of {longest:?}");
        }
        pause.reset();
        assert!(pause.next() <= SHORTEST);
        let first = || Pause::default().next();
        assert!((0..20).any(|_| first() != first()));
    }
}
