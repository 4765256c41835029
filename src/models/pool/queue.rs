//! Admission control: how many requests are processed at once, and how many may wait.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::LOOK;
use crate::config::Requests;
use crate::engine::EngineError;
use crate::error::Error;
use crate::support::request::{Priority, Request};

/// Position in the queue: the smallest comes first.
type Place = (Reverse<Priority>, u64);

/// A bounded queue: most urgent request first, among equals in order of arrival.
pub(super) struct Queue {
    limits: Requests,
    line: Mutex<Line>,
    moved: Condvar,
}

#[derive(Default)]
struct Line {
    waiting: BTreeSet<Place>,
    running: usize,
    next: u64,
}

/// Marks a request as being processed until it is dropped.
#[must_use]
pub struct Admitted<'a>(&'a Queue);

impl Queue {
    pub fn new(limits: Requests) -> Self {
        Queue { limits, line: Mutex::default(), moved: Condvar::new() }
    }

    /// Waits until `request` may be processed.
    pub fn admit(&self, request: &Request) -> Result<Admitted<'_>, Error> {
        let arrived = Instant::now();
        let mut line = self.line();
        let place = (Reverse(request.priority()), line.next);
        line.next += 1;
        let free = line.running < self.limits.at_once;
        if line.waiting.len() >= self.limits.waiting && !(free && line.waiting.is_empty()) {
            return Err(Error::Overloaded { waiting: line.waiting.len() });
        }
        line.waiting.insert(place);
        while line.running >= self.limits.at_once || line.waiting.first() != Some(&place) {
            if let Err(stopped) = request.check() {
                line.waiting.remove(&place);
                drop(line);
                // The next in line may be admitted now.
                self.moved.notify_all();
                return Err(EngineError::Stopped(stopped).into());
            }
            line = self.moved.wait_timeout(line, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
        line.waiting.remove(&place);
        line.running += 1;
        drop(line);
        self.moved.notify_all();
        request.report_admitted(arrived.elapsed());
        Ok(Admitted(self))
    }

    /// How many requests are processed now, and how many wait.
    pub fn lengths(&self) -> (usize, usize) {
        let line = self.line();
        (line.running, line.waiting.len())
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        self.0.line().running -= 1;
        self.0.moved.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::support::request::Stopped;

    fn queue(at_once: usize, waiting: usize) -> Arc<Queue> {
        Arc::new(Queue::new(Requests { at_once, waiting }))
    }

    fn wait_for(queue: &Queue, waiting: usize) {
        while queue.line().waiting.len() < waiting {
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn urgent_requests_overtake_and_a_full_queue_refuses() {
        let queue = queue(1, 2);
        let order = Mutex::new(Vec::new());
        let running = queue.admit(&Request::default()).unwrap();
        thread::scope(|scope| {
            for (count, priority) in [Priority::Batch, Priority::Live].into_iter().enumerate() {
                let (queue, order) = (&queue, &order);
                scope.spawn(move || {
                    let _admitted = queue.admit(&Request::new(priority)).unwrap();
                    order.lock().unwrap().push(priority);
                });
                wait_for(queue, count + 1);
            }
            let refused = queue.admit(&Request::default()).err().unwrap();
            assert!(matches!(refused, Error::Overloaded { waiting: 2 }), "{refused}");
            drop(running);
        });
        assert_eq!(order.into_inner().unwrap(), [Priority::Live, Priority::Batch]);
    }

    #[test]
    fn a_request_that_is_cancelled_or_late_leaves_the_queue() {
        let queue = queue(1, 8);
        let _running = queue.admit(&Request::default()).unwrap();
        let cancelled = Request::default();
        let late = Request::default().with_timeout(Duration::from_millis(20));
        thread::scope(|scope| {
            let waits = scope.spawn(|| queue.admit(&cancelled).map(drop));
            wait_for(&queue, 1);
            cancelled.cancel();
            let stopped = |outcome: Result<(), Error>| match outcome {
                Err(Error::Engine(EngineError::Stopped(stopped))) => stopped,
                other => panic!("{other:?}"),
            };
            assert_eq!(stopped(waits.join().unwrap()), Stopped::Cancelled);
            assert_eq!(stopped(queue.admit(&late).map(drop)), Stopped::DeadlinePassed);
        });
        assert!(queue.line().waiting.is_empty());
    }

    #[test]
    fn without_room_to_wait_a_free_place_is_still_taken() {
        let queue = queue(1, 0);
        drop(queue.admit(&Request::default()).unwrap());
        let running = queue.admit(&Request::default()).unwrap();
        assert!(queue.admit(&Request::default()).is_err());
        drop(running);
    }
}
