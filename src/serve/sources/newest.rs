//! The newest frame of a camera: a reader that is slow misses frames instead of falling behind.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use edgefuse::guard::guarded;
use edgefuse::media::image::RgbImage;
use edgefuse::media::video::{Frame, Thumbnail};

use crate::serve::event::Moment;

/// A frame with the moment of its capture.
#[derive(Debug)]
pub struct Captured {
    pub frame: Frame,
    pub at: Moment,
    /// Its number among the frames of the camera, from 1.
    pub number: u64,
}

impl Captured {
    /// The frame as RGB.
    ///
    /// # Errors
    /// One line, for bytes that cannot be decoded.
    pub fn to_rgb(&self) -> Result<RgbImage, String> {
        guarded(|| self.frame.to_rgb())?.map_err(|error| error.to_string())
    }

    /// A small grey copy of the frame.
    ///
    /// # Errors
    /// As [`Captured::to_rgb`].
    pub fn thumbnail(&self) -> Result<Thumbnail, String> {
        guarded(|| self.frame.thumbnail())?.map_err(|error| error.to_string())
    }
}

/// Number of frames before the newest one that are kept, and the least time between two of them: together the second
/// before, which covers the pause after which speech is over.
const MOST_PAST: usize = 4;
const BETWEEN_PAST: Duration = Duration::from_millis(250);

/// The place of the newest frame.
#[derive(Default)]
pub struct Newest {
    place: Mutex<Place>,
    arrival: Condvar,
    keeps_past: bool,
}

#[derive(Default)]
struct Place {
    newest: Option<Arc<Captured>>,
    /// Some of those before, oldest first.
    past: VecDeque<Arc<Captured>>,
}

impl Newest {
    /// A place that also keeps frames of the last second.
    pub fn with_past() -> Self {
        Newest { keeps_past: true, ..Newest::default() }
    }

    /// Replaces the newest frame.
    pub fn put(&self, frame: Frame, at: Moment) {
        let mut place = self.lock();
        let before = place.newest.take();
        let number = before.as_ref().map_or(0, |before| before.number) + 1;
        place.newest = Some(Arc::new(Captured { frame, at, number }));
        if let Some(before) = before.filter(|_| self.keeps_past)
            && place.past.back().is_none_or(|last| before.at.since(last.at) >= BETWEEN_PAST)
        {
            place.past.push_back(before);
            if place.past.len() > MOST_PAST {
                place.past.pop_front();
            }
        }
        self.arrival.notify_all();
    }

    /// The newest frame.
    pub fn get(&self) -> Option<Arc<Captured>> {
        self.lock().newest.clone()
    }

    /// The newest frame and the kept ones before it, oldest first.
    pub fn recent(&self) -> Vec<Arc<Captured>> {
        let place = self.lock();
        place.past.iter().chain(&place.newest).cloned().collect()
    }

    /// Waits for a frame after the one with this number, but not longer than `most`.
    pub fn after(&self, number: u64, most: Duration) -> Option<Arc<Captured>> {
        let is_old = |place: &mut Place| place.newest.as_ref().is_none_or(|frame| frame.number <= number);
        let waited = self.arrival.wait_timeout_while(self.lock(), most, is_old);
        let (place, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        place.newest.clone().filter(|_| !timeout.timed_out())
    }

    fn lock(&self) -> MutexGuard<'_, Place> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_reader_gets_the_newest_frame() {
        let newest = Newest::default();
        assert!(newest.after(0, Duration::from_millis(1)).is_none());
        for byte in 1..=5 {
            newest.put(Frame::File(vec![byte]), Moment::now());
        }
        let frame = newest.after(0, Duration::from_secs(1)).unwrap();
        assert_eq!((frame.number, &frame.frame), (5, &Frame::File(vec![5])));
        assert!(newest.after(5, Duration::from_millis(1)).is_none());
        assert_eq!(newest.get().unwrap().number, 5);
        assert_eq!(newest.recent().len(), 1, "no past unless somebody needs it");
    }

    #[test]
    fn frames_of_the_last_second_are_kept() {
        let (newest, start) = (Newest::with_past(), Moment::now());
        for number in 0..40_u64 {
            let at = Moment { uptime: start.uptime + Duration::from_millis(100 * number), ..start };
            newest.put(Frame::File(Vec::new()), at);
        }
        let numbers: Vec<u64> = newest.recent().iter().map(|frame| frame.number).collect();
        assert_eq!(numbers, [28, 31, 34, 37, 40]);
    }
}
