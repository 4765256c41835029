//! An utterance with its moments.

use edgefuse::models::vad::Utterance;

use crate::serve::event::Moment;

/// An utterance with its moments.
#[derive(Debug, Clone)]
pub struct Heard {
    pub utterance: Utterance,
    /// When its samples begin.
    pub at: Moment,
    /// When its speech begins and ends.
    pub start: Moment,
    pub end: Moment,
}

impl Heard {
    /// Whether both are the same stretch of speech.
    pub fn is_same(&self, other: &Heard) -> bool {
        (self.utterance.first, self.utterance.end) == (other.utterance.first, other.utterance.end)
    }
}
