//! The newest frame of a camera: a reader that is slow misses frames instead of falling behind.

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

/// The place of the newest frame.
#[derive(Default)]
pub struct Newest {
    place: Mutex<Option<Arc<Captured>>>,
    arrival: Condvar,
}

impl Newest {
    /// Replaces the newest frame.
    pub fn put(&self, frame: Frame, at: Moment) {
        let mut place = self.lock();
        let number = place.as_ref().map_or(0, |before| before.number) + 1;
        *place = Some(Arc::new(Captured { frame, at, number }));
        self.arrival.notify_all();
    }

    /// The newest frame.
    pub fn get(&self) -> Option<Arc<Captured>> {
        self.lock().clone()
    }

    /// Waits for a frame after the one with this number, but not longer than `most`.
    pub fn after(&self, number: u64, most: Duration) -> Option<Arc<Captured>> {
        let is_old = |place: &mut Option<Arc<Captured>>| place.as_ref().is_none_or(|frame| frame.number <= number);
        let waited = self.arrival.wait_timeout_while(self.lock(), most, is_old);
        let (place, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        place.clone().filter(|_| !timeout.timed_out())
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Captured>>> {
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
    }
}
