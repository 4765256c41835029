//! Padding around stretches: as much as the options say, or half of the silence between two that are close.

use super::stretch::Stretch;

/// Pads stretches in their order; each is held back until what follows it cannot change its end.
pub(super) struct Padding {
    pad: u64,
    /// Start with padding, end without.
    waiting: Option<Stretch>,
}

impl Padding {
    /// `pad` samples on either side.
    pub(super) fn new(pad: u64) -> Self {
        Padding { pad, waiting: None }
    }

    /// Takes the next stretch and gives the one before it.
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

    /// No stretch to come begins before `next_start`: gives the one that waits if that settles its end.
    pub(super) fn settle(&mut self, next_start: u64) -> Option<Stretch> {
        let settled = self.waiting.filter(|waiting| next_start.saturating_sub(waiting.end) >= 2 * self.pad)?;
        self.waiting = None;
        Some(Stretch { start: settled.start, end: settled.end + self.pad })
    }

    /// The recording ends after `samples`: gives the last stretch.
    pub(super) fn finish(self, samples: u64) -> Option<Stretch> {
        self.waiting.map(|last| Stretch { start: last.start, end: (last.end + self.pad).min(samples) })
    }

    /// The first sample that a stretch still to be given may have, where none to come begins before `next_start`.
    pub(super) fn undecided_from(&self, next_start: u64) -> u64 {
        self.waiting.map_or(next_start.saturating_sub(self.pad), |waiting| waiting.start)
    }
}
