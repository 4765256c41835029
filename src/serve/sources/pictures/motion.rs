//! Detects motion between pictures.

use std::time::Duration;

use edgefuse::config::Motion;
use edgefuse::media::video::Thumbnail;

use crate::serve::event::Moment;

/// Detects motion, with hysteresis: it starts at one share of change, and ends after some time below another.
pub struct MotionDetector {
    options: Motion,
    before: Option<Thumbnail>,
    /// The last moment at which there was enough change to go on, while something moves.
    moved: Option<Moment>,
}

impl MotionDetector {
    pub fn new(options: Motion) -> Self {
        MotionDetector { options, before: None, moved: None }
    }

    /// Whether something moves.
    pub fn is_moving(&self) -> bool {
        self.moved.is_some()
    }

    /// Accepts the next picture; returns whether motion has started or ended with it.
    pub fn push(&mut self, picture: Thumbnail, at: Moment) -> Option<bool> {
        let changed = self.before.as_ref().map(|before| picture.changed(before));
        self.before = Some(picture);
        let changed = changed?;
        match self.moved {
            None if changed >= self.options.start => {
                self.moved = Some(at);
                Some(true)
            }
            None => None,
            Some(_) if changed >= self.options.stop => {
                self.moved = Some(at);
                None
            }
            Some(moved) if at.since(moved) >= self.options.hold.max(Duration::from_millis(1)) => {
                self.moved = None;
                Some(false)
            }
            Some(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use edgefuse::media::image::RgbImage;
    use edgefuse::media::video::{Frame, PixelFormat, RawPicture};

    fn picture(square: u32) -> Thumbnail {
        let image = RgbImage::from_fn(64, 48, |x, y| if x < square && y < square { [255; 3] } else { [40; 3] }.into());
        let raw = RawPicture::new(PixelFormat::Rgb24, 64, 48, 192, image.into_raw()).unwrap();
        Frame::Raw(raw).thumbnail().unwrap()
    }

    #[test]
    fn motion_starts_and_ends_with_hysteresis() {
        let options = Motion { start: 0.02, stop: 0.005, hold: Duration::from_secs(3), fps: 1.0 };
        let mut detector = MotionDetector::new(options);
        let start = Moment::now();
        // Sides of a square in the corner, one picture a second: 16 cells are 0.5 %, 100 are 3 %.
        let sides = [0, 0, 4, 4, 10, 11, 11, 11, 11, 11, 11];
        let changes = sides.iter().enumerate().map(|(second, side)| {
            let at = Moment { uptime: start.uptime + Duration::from_secs(second as u64), ..start };
            detector.push(picture(*side), at)
        });
        let changes: Vec<_> = changes.into_iter().collect();
        let mut expected = vec![None; 11];
        // Too little change at second 2; enough at 4; a little more at 5 goes on; three quiet seconds later it ends.
        (expected[4], expected[8]) = (Some(true), Some(false));
        assert_eq!(changes, expected);
    }
}
