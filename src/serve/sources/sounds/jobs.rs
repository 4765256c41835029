//! What waits to be processed for one use of a microphone.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use edgefuse::models::vad::Utterance;

use crate::serve::event::Moment;

/// Maximum number of complete utterances that wait.
const MOST_WAITING: usize = 16;

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

/// Something to do.
#[derive(Debug)]
pub enum Job {
    /// A partial text of what is being said.
    Partial(Heard),
    /// What is probably complete: its result is published if it turns out to be.
    Early(Heard),
    /// What is complete.
    Final(Heard),
}

/// A queue in which only the newest incomplete utterance waits.
#[derive(Clone, Default)]
pub struct Jobs(Arc<Queue>);

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    arrival: Condvar,
}

#[derive(Default)]
struct State {
    complete: VecDeque<Heard>,
    incomplete: Option<Job>,
    is_working: bool,
    closed: bool,
}

impl Jobs {
    /// Adds an incomplete utterance, in place of one that waits.
    pub fn suggest(&self, job: Job) {
        self.lock().incomplete = Some(job);
        self.0.arrival.notify_all();
    }

    /// Adds a complete utterance. Returns whether the oldest was dropped because too many wait.
    pub fn complete(&self, heard: Heard) -> bool {
        let mut state = self.lock();
        state.incomplete = None;
        let dropped = state.complete.len() == MOST_WAITING && state.complete.pop_front().is_some();
        state.complete.push_back(heard);
        self.0.arrival.notify_all();
        dropped
    }

    /// Whether there is nothing to do.
    pub fn is_idle(&self) -> bool {
        let state = self.lock();
        !state.is_working && state.complete.is_empty() && state.incomplete.is_none()
    }

    /// No more jobs will be added.
    pub fn close(&self) {
        self.lock().closed = true;
        self.0.arrival.notify_all();
    }

    /// Waits for the next job, complete ones first; `None` when the queue is closed and empty.
    pub fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        state.is_working = false;
        loop {
            if let Some(heard) = state.complete.pop_front() {
                state.is_working = true;
                return Some(Job::Final(heard));
            }
            if let Some(job) = state.incomplete.take() {
                state.is_working = true;
                return Some(job);
            }
            if state.closed {
                return None;
            }
            let waited = self.0.arrival.wait_timeout(state, Duration::from_secs(1));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(first: u64) -> Heard {
        let now = Moment::now();
        let utterance = Utterance { first, start: first, end: first + 1, samples: [0.0].into() };
        Heard { utterance, at: now, start: now, end: now }
    }

    #[test]
    fn complete_utterances_go_first_and_incomplete_ones_are_replaced() {
        let jobs = Jobs::default();
        assert!(jobs.is_idle());
        jobs.suggest(Job::Partial(heard(1)));
        jobs.complete(heard(2));
        jobs.suggest(Job::Partial(heard(3)));
        jobs.suggest(Job::Early(heard(4)));
        jobs.close();
        assert!(matches!(jobs.next(), Some(Job::Final(heard)) if heard.utterance.first == 2));
        assert!(!jobs.is_idle());
        assert!(matches!(jobs.next(), Some(Job::Early(heard)) if heard.utterance.first == 4));
        assert!(jobs.next().is_none());
        assert!(jobs.is_idle());
    }

    #[test]
    fn the_oldest_complete_utterance_is_dropped() {
        let jobs = Jobs::default();
        let dropped: Vec<bool> = (0..18).map(|first| jobs.complete(heard(first))).collect();
        assert_eq!(dropped.iter().filter(|dropped| **dropped).count(), 2);
        assert!(matches!(jobs.next(), Some(Job::Final(heard)) if heard.utterance.first == 2));
    }
}
