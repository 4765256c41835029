//! Retrying with growing delays.

use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// Time between attempts: doubles each time, from one second to at most a minute.
pub struct Backoff {
    first: Duration,
    wait: Option<(Duration, Instant)>,
}

impl Default for Backoff {
    fn default() -> Self {
        Self::from(FIRST)
    }
}

impl Backoff {
    /// Begins with `first` instead of a second.
    pub fn from(first: Duration) -> Self {
        Backoff { first, wait: None }
    }

    /// Whether it is time for an attempt.
    pub fn is_over(&self) -> bool {
        self.wait.is_none_or(|(wait, since)| since.elapsed() >= wait)
    }

    /// Records a failed attempt; returns the time until the next one.
    pub fn next_wait(&mut self) -> Duration {
        let wait = self.wait.map_or(self.first, |(wait, _)| (wait * 2).min(LONGEST));
        self.wait = Some((wait, Instant::now()));
        wait
    }

    /// As [`Backoff::next`], for one of many that fail together, such as the clients of a server: the time is up to half
    /// shorter, at random.
    pub fn next_jittered(&mut self) -> Duration {
        self.next_wait().mul_f64(0.5 + 0.5 * fastrand::f64())
    }

    /// Records a successful attempt.
    pub fn reset(&mut self) {
        self.wait = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_longer_each_time_until_something_succeeds() {
        let mut backoff = Backoff::default();
        assert!(backoff.is_over());
        let waits: Vec<_> = (0..8).map(|_| backoff.next_wait().as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert!(!backoff.is_over());
        backoff.reset();
        assert!(backoff.is_over());
        assert_eq!(backoff.next_wait().as_secs(), 1);
    }

    #[test]
    fn jitter_only_shortens() {
        for _ in 0..100 {
            let mut backoff = Backoff::default();
            backoff.next_wait();
            let wait = backoff.next_jittered();
            assert!((Duration::from_secs(1)..=Duration::from_secs(2)).contains(&wait), "{wait:?}");
        }
    }
}
