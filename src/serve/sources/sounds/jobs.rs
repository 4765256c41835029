//! What waits to be processed for one use of a microphone.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::heard::Heard;
use super::joined::{Joined, Seen};

/// Maximum number of complete utterances that wait.
const MOST_WAITING: usize = 16;

/// Maximum number of bytes of frames that wait with them.
const MOST_BYTES: usize = 32 << 20;

/// Why what waited has no picture any more.
const TOO_MUCH: &str = "no picture: it waited for the models too long, and newer ones need the memory";

/// Something to do. What is joined with pictures comes with its frame, which is not decoded yet.
#[derive(Debug)]
pub enum Job {
    /// A partial text of what is being said.
    Partial(Heard),
    /// What is probably complete: its result is published if it turns out to be.
    Early(Heard, Option<Seen>),
    /// What is complete.
    Final(Heard, Option<Seen>),
}

/// A queue in which only the newest incomplete utterance waits.
#[derive(Clone, Default)]
pub struct Jobs {
    queue: Arc<Queue>,
    /// The camera whose pictures are joined.
    joined: Option<Arc<Joined>>,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    arrival: Condvar,
}

#[derive(Default)]
struct State {
    complete: VecDeque<(Heard, Option<Seen>)>,
    incomplete: Option<Job>,
    /// What was probably complete last, and its frame.
    early: Option<(Heard, Option<Seen>)>,
    is_working: bool,
    closed: bool,
}

impl Jobs {
    /// A queue of what is joined with the pictures of a camera.
    pub fn joined(joined: Option<Arc<Joined>>) -> Self {
        Jobs { joined, ..Jobs::default() }
    }

    /// Adds what is being said, in place of an incomplete utterance that waits.
    pub fn partial(&self, heard: Heard) {
        self.suggest(Job::Partial(heard));
    }

    /// Adds what is probably complete, in place of an incomplete utterance that waits.
    pub fn early(&self, heard: Heard) {
        let seen = self.seen(&heard);
        self.lock().early = Some((heard.clone(), seen.clone()));
        self.suggest(Job::Early(heard, seen));
    }

    fn suggest(&self, job: Job) {
        self.lock().incomplete = Some(job);
        self.queue.arrival.notify_all();
    }

    /// Adds a complete utterance. Returns whether the oldest was dropped because too many wait.
    pub fn complete(&self, heard: Heard) -> bool {
        let early = self.lock().early.take().filter(|(early, _)| early.is_same(&heard));
        let seen = early.map_or_else(|| self.seen(&heard), |(_, seen)| seen);
        let mut state = self.lock();
        state.incomplete = None;
        let dropped = state.complete.len() == MOST_WAITING && state.complete.pop_front().is_some();
        state.complete.push_back((heard, seen));
        state.bound_pictures();
        self.queue.arrival.notify_all();
        dropped
    }

    /// The frame that belongs to what was said.
    fn seen(&self, heard: &Heard) -> Option<Seen> {
        Some(self.joined.as_ref()?.seen(heard))
    }

    /// Whether there is nothing to do.
    pub fn is_idle(&self) -> bool {
        let state = self.lock();
        !state.is_working && state.complete.is_empty() && state.incomplete.is_none()
    }

    /// No more jobs will be added.
    pub fn close(&self) {
        self.lock().closed = true;
        self.queue.arrival.notify_all();
    }

    /// Waits for the next job, complete ones first; `None` when the queue is closed and empty.
    pub fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        state.is_working = false;
        loop {
            if let Some((heard, seen)) = state.complete.pop_front() {
                state.is_working = true;
                return Some(Job::Final(heard, seen));
            }
            if let Some(job) = state.incomplete.take() {
                state.is_working = true;
                return Some(job);
            }
            if state.closed {
                return None;
            }
            let waited = self.queue.arrival.wait_timeout(state, Duration::from_secs(1));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.queue.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes the oldest pictures away from what waits until the others are not too many bytes.
    fn bound_pictures(&mut self) {
        let size = |seen: &Option<Seen>| seen.as_ref().and_then(|seen| seen.as_ref().ok()).map(|it| it.frame.size());
        let mut bytes: usize = self.complete.iter().filter_map(|(_, seen)| size(seen)).sum();
        for (_, seen) in &mut self.complete {
            if bytes <= MOST_BYTES {
                return;
            }
            if let Some(size) = size(seen) {
                bytes -= size;
                *seen = Some(Err(TOO_MUCH.to_string()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use edgefuse::media::video::Frame;
    use edgefuse::models::vad::Utterance;

    use super::*;
    use crate::serve::event::Moment;
    use crate::serve::sources::newest::Newest;

    fn heard(first: u64) -> Heard {
        let now = Moment::now();
        let utterance = Utterance { first, start: first, end: first + 1, samples: [0.0].into() };
        Heard { utterance, at: now, start: now, end: now }
    }

    #[test]
    fn complete_utterances_go_first_and_incomplete_ones_are_replaced() {
        let jobs = Jobs::default();
        assert!(jobs.is_idle());
        jobs.partial(heard(1));
        jobs.complete(heard(2));
        jobs.partial(heard(3));
        jobs.early(heard(4));
        jobs.close();
        assert!(matches!(jobs.next(), Some(Job::Final(heard, None)) if heard.utterance.first == 2));
        assert!(!jobs.is_idle());
        assert!(matches!(jobs.next(), Some(Job::Early(heard, None)) if heard.utterance.first == 4));
        assert!(jobs.next().is_none());
        assert!(jobs.is_idle());
    }

    #[test]
    fn the_oldest_complete_utterance_is_dropped() {
        let jobs = Jobs::default();
        let dropped: Vec<bool> = (0..18).map(|first| jobs.complete(heard(first))).collect();
        assert_eq!(dropped.iter().filter(|dropped| **dropped).count(), 2);
        assert!(matches!(jobs.next(), Some(Job::Final(heard, _)) if heard.utterance.first == 2));
    }

    /// The number of the frame, or why there is none.
    fn frame(job: Option<Job>) -> Result<u64, String> {
        match job {
            Some(Job::Early(_, Some(seen)) | Job::Final(_, Some(seen))) => seen.map(|captured| captured.number),
            other => panic!("{other:?}"),
        }
    }

    fn joined() -> (Jobs, Arc<Newest>) {
        let newest = Arc::new(Newest::default());
        let within = Duration::from_secs(60);
        let joined = Joined { camera: "door".into(), newest: newest.clone(), within };
        (Jobs::joined(Some(Arc::new(joined))), newest)
    }

    #[test]
    fn the_picture_is_that_of_the_moment_at_which_the_job_was_added() {
        let (jobs, newest) = joined();
        let show = || newest.put(Frame::File(vec![0]), Moment::now());
        show();
        jobs.early(heard(1));
        show();
        assert_eq!(frame(jobs.next()), Ok(1));
        // The same speech has the picture that it had when it was probably complete, and another its own.
        jobs.complete(heard(1));
        jobs.complete(heard(2));
        show();
        assert_eq!((frame(jobs.next()), frame(jobs.next())), (Ok(1), Ok(2)));
    }

    #[test]
    fn pictures_that_wait_are_bounded_by_their_bytes() {
        let (jobs, newest) = joined();
        for first in 0..5 {
            newest.put(Frame::File(vec![0; 10 << 20]), Moment::now());
            jobs.complete(heard(first));
        }
        let frames: Vec<_> = (0..5).map(|_| frame(jobs.next())).collect();
        assert_eq!(frames[..2], [Err(TOO_MUCH.to_string()), Err(TOO_MUCH.to_string())]);
        assert_eq!(frames[2..], [Ok(3), Ok(4), Ok(5)]);
    }
}
