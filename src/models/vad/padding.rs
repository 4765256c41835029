//! Padding around stretches: the length set by the options, or half of the silence between two close stretches.

use super::stretch::Stretch;

/// Pads stretches in order; each is held back until nothing that follows can change its end.
pub(super) struct Padding {
    pad: u64,
    /// The stretch held back: start with padding, end without.
    waiting: Option<Stretch>,
}

impl Padding {
    /// Pads by `pad` samples on either side.
    pub(super) fn new(pad: u64) -> Self {
        Padding { pad, waiting: None }
    }

    /// Accepts the next stretch and returns the previous one.
    pub(super) fn accept(&mut self, next: Stretch) -> Option<Stretch> {
        let Some(before) = self.waiting.take() else {
            self.waiting = Some(Stretch { start: next.start.saturating_sub(self.pad), end: next.end });
            return None;
        };
        let silence = next.start.saturating_sub(before.end);
        let pad = if silence < 2 * self.pad { silence / 2 } else { self.pad };
        self.waiting = Some(Stretch { start: next.start - pad, end: next.end });
        Some(Stretch { start: before.start, end: before.end + pad })
    }

    /// No later stretch begins before `next_start`: returns the stretch held back if that settles its end.
    pub(super) fn settle(&mut self, next_start: u64) -> Option<Stretch> {
        let settled = self.waiting.filter(|waiting| next_start.saturating_sub(waiting.end) >= 2 * self.pad)?;
        self.waiting = None;
        Some(Stretch { start: settled.start, end: settled.end + self.pad })
    }

    /// Ends the recording, which has `samples` samples, and returns the last stretch.
    pub(super) fn finish(self, samples: u64) -> Option<Stretch> {
        self.waiting.map(|last| Stretch { start: last.start, end: (last.end + self.pad).min(samples) })
    }

    /// Lower bound for the start of the stretches not yet returned, if no later one begins before `next_start`.
    pub(super) fn undecided_from(&self, next_start: u64) -> u64 {
        self.waiting.map_or(next_start.saturating_sub(self.pad), |waiting| waiting.start)
    }
}
