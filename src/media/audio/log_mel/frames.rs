//! Extracts frames from a signal, with reflected edges and padding that is never stored.

/// Samples followed by zeros. Only the last samples need to be in memory.
#[derive(Clone, Copy)]
pub(super) struct Signal<'a> {
    held: &'a [f32],
    /// The number of samples before the first one in memory.
    first: u64,
    len: u64,
}

impl<'a> Signal<'a> {
    /// A signal whose samples are all in memory.
    pub(super) fn whole(samples: &'a [f32], padding: usize) -> Self {
        Self { held: samples, first: 0, len: (samples.len() as u64).saturating_add(padding as u64) }
    }

    /// A signal of `len` samples and zeros, of which `held` begins at sample `first`. Earlier samples count as 0.
    pub(super) fn part(held: &'a [f32], first: u64, len: u64) -> Self {
        Self { held, first, len }
    }

    /// Number of samples and zeros.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Number of frames of `frame_len` samples, centred every `hop` samples, that may contain more than zeros of the
    /// padding. Later frames are silent even if the end is reflected into them; with padding so short that a sample
    /// would be reflected, there are no such frames.
    pub(super) fn sounding_frames(&self, frame_len: usize, hop: usize) -> u64 {
        (self.first + self.held.len() as u64 + frame_len as u64 / 2).div_ceil(hop as u64)
    }

    /// Writes the frame centred on `centre`, reflected at the signal's ends, each sample times its weight. The signal
    /// must not be empty.
    pub(super) fn weighted_frame(&self, centre: u64, weights: &[f32], frame: &mut [f32]) {
        if let Some(inside) = self.inside(centre, frame.len()) {
            for ((value, sample), weight) in frame.iter_mut().zip(inside).zip(weights) {
                *value = sample * weight;
            }
            return;
        }
        let half = frame.len() as i64 / 2;
        for (offset, (value, weight)) in frame.iter_mut().zip(weights).enumerate() {
            let index = self.reflect(centre as i64 + offset as i64 - half);
            let held = index.checked_sub(self.first).and_then(|index| self.held.get(index as usize));
            *value = held.copied().unwrap_or(0.0) * weight;
        }
    }

    /// The frame, if all of it is in memory.
    fn inside(&self, centre: u64, frame_len: usize) -> Option<&'a [f32]> {
        let start = centre.checked_sub(frame_len as u64 / 2)?.checked_sub(self.first)?;
        let start = usize::try_from(start).ok()?;
        self.held.get(start..start.checked_add(frame_len)?)
    }

    /// The index inside the signal that corresponds to `index` if the signal is repeatedly mirrored about its first and
    /// last samples.
    fn reflect(&self, index: i64) -> u64 {
        let last = i64::try_from(self.len).unwrap_or(i64::MAX / 4) - 1;
        if last <= 0 {
            return 0;
        }
        let index = index.rem_euclid(2 * last);
        index.min(2 * last - index) as u64
    }
}
