//! The moments of a stream's samples.

use std::time::Duration;

use super::SAMPLE_RATE;
use crate::serve::event::Moment;

/// Knows when the samples of a stream were heard, by the arrival of the latest.
#[derive(Default)]
pub struct Clock {
    latest: Option<(u64, Moment)>,
}

impl Clock {
    /// The sample after the last one so far was heard at `at`.
    pub fn heard(&mut self, samples: u64, at: Moment) {
        self.latest = Some((samples, at));
    }

    /// When a sample was heard.
    pub fn moment(&self, sample: u64) -> Moment {
        match self.latest {
            Some((latest, at)) => at.before(span(latest.saturating_sub(sample))),
            None => Moment::now(),
        }
    }
}

/// The length of this many samples.
pub fn span(samples: u64) -> Duration {
    Duration::from_secs_f64(samples as f64 / f64::from(SAMPLE_RATE))
}
