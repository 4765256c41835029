//! A stretch of speech.

use serde::Serialize;

/// A stretch of speech: the samples from `start` up to, not including, `end`, counted from the start of the recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Stretch {
    /// The first sample.
    pub start: u64,
    /// The sample after the last.
    pub end: u64,
}

impl Stretch {
    /// Number of samples.
    pub fn samples(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }
}
