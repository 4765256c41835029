//! Cuts frames out of a signal whose ends are reflected and whose padding is never stored.

/// Samples followed by zeros.
#[derive(Clone, Copy)]
pub(super) struct Signal<'a> {
    samples: &'a [f32],
    len: usize,
}

impl<'a> Signal<'a> {
    pub(super) fn new(samples: &'a [f32], padding: usize) -> Self {
        Self { samples, len: samples.len().saturating_add(padding) }
    }

    /// Samples and zeros.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// How many frames of `frame_len` samples, centred every `hop` samples, may hold more than zeros of the padding. A
    /// frame from there on is silent even where the end is reflected into it: with padding so short that a sample would
    /// come back, there is no such frame.
    pub(super) fn sounding_frames(&self, frame_len: usize, hop: usize) -> usize {
        (self.samples.len() + frame_len / 2).div_ceil(hop)
    }

    /// Copies the frame centred on `centre`, reflected at the signal's ends. The signal must not be empty.
    pub(super) fn copy_frame(&self, centre: usize, frame: &mut [f32]) {
        let half = frame.len() / 2;
        if centre >= half
            && let Some(inside) = self.samples.get(centre - half..centre - half + frame.len())
        {
            frame.copy_from_slice(inside);
            return;
        }
        for (offset, value) in frame.iter_mut().enumerate() {
            let index = self.reflect(centre as i64 + offset as i64 - half as i64);
            *value = self.samples.get(index).copied().unwrap_or(0.0);
        }
    }

    /// The index inside the signal that stands at `index` when the signal is mirrored about its first and its last
    /// sample, again and again.
    fn reflect(&self, index: i64) -> usize {
        let last = self.len as i64 - 1;
        if last <= 0 {
            return 0;
        }
        let index = index.rem_euclid(2 * last);
        index.min(2 * last - index) as usize
    }
}
