//! The pictures of a camera that are joined with what is said.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use super::heard::Heard;
use crate::serve::sources::newest::{Captured, Newest};

/// A camera whose pictures are joined with what is said.
pub struct Joined {
    pub camera: Arc<str>,
    pub newest: Arc<Newest>,
    /// Maximum time between the picture and the speech.
    pub within: Duration,
}

/// The frame that belongs to what was said, or why there is none.
pub type Seen = Result<Arc<Captured>, String>;

impl Joined {
    /// The last frame captured while somebody spoke, or else the one closest to the speech. To be called when the speech has
    /// just ended: frames are not kept for long.
    pub fn seen(&self, heard: &Heard) -> Seen {
        let distance = |frame: &Captured| heard.start.since(frame.at).max(frame.at.since(heard.end));
        let frames = self.newest.recent().into_iter();
        let closest = frames.max_by_key(|frame| (Reverse(distance(frame)), frame.at.uptime));
        let captured = closest.ok_or_else(|| format!("no picture: {} has not captured any", self.camera))?;
        let (distance, within) = (distance(&captured), self.within);
        if distance > within {
            let (seconds, within) = (distance.as_secs_f64(), within.as_secs_f64());
            let camera = &self.camera;
            return Err(format!(
                "no picture: the closest of {camera} is {seconds:.1} s from the speech, more than {within} s"
            ));
        }
        Ok(captured)
    }
}

#[cfg(test)]
mod tests {
    use edgefuse::media::video::Frame;
    use edgefuse::models::vad::Utterance;

    use super::*;
    use crate::serve::event::Moment;

    #[test]
    fn the_last_frame_while_somebody_speaks_is_taken() {
        let begin = Moment::now();
        let at = |ms: u64| Moment { uptime: begin.uptime + Duration::from_millis(ms), ..begin };
        let spoken = |start: u64, end: u64| Heard {
            utterance: Utterance::new(0, 0, 0, Arc::new([])),
            at: at(start),
            start: at(start),
            end: at(end),
        };
        let joined =
            Joined { camera: "door".into(), newest: Arc::new(Newest::with_past()), within: Duration::from_millis(300) };
        assert_eq!(joined.seen(&spoken(0, 1)).unwrap_err(), "no picture: door has not captured any");
        // Every 300 ms, of which the last five are known: from 1.5 to 2.7 s.
        (0..10).for_each(|number| joined.newest.put(Frame::File(Vec::new()), at(300 * number)));
        let taken = |start, end| joined.seen(&spoken(start, end)).map(|frame| frame.at.since(begin).as_millis());
        assert_eq!(taken(1_000, 2_300), Ok(2_100), "the last before the end, not the newest");
        assert_eq!(taken(2_450, 2_600), Ok(2_400), "closer than the one after");
        assert_eq!(taken(2_550, 2_650), Ok(2_700));
        assert_eq!(taken(3_000, 3_100), Ok(2_700), "as far away as is allowed");
        let error = taken(3_100, 3_200).unwrap_err();
        assert_eq!(error, "no picture: the closest of door is 0.4 s from the speech, more than 0.3 s");
    }
}
