//! A lock that goes to the most urgent request, and among equals to the one that has waited longest.
//!
//! A plain mutex may be acquired again at once by the thread that released it: a long recording would block all other
//! users of its model until its end.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::support::request::Priority;

/// Position in the queue: the smallest comes first.
type Place = (Reverse<Priority>, u64);

/// A value that one thread at a time may use.
pub(crate) struct Turnstile<T> {
    value: Mutex<T>,
    line: Mutex<Line>,
    moved: Condvar,
}

#[derive(Default)]
struct Line {
    waiting: BTreeSet<Place>,
    taken: bool,
    next: u64,
}

/// The value, during this thread's turn.
pub(crate) struct Turn<'a, T> {
    value: Option<MutexGuard<'a, T>>,
    turnstile: &'a Turnstile<T>,
}

impl<T> Turnstile<T> {
    pub fn new(value: T) -> Self {
        Turnstile { value: Mutex::new(value), line: Mutex::default(), moved: Condvar::new() }
    }

    /// Waits for this thread's turn.
    pub fn take(&self, priority: Priority) -> Turn<'_, T> {
        let mut line = self.line();
        let place = (Reverse(priority), line.next);
        line.next += 1;
        line.waiting.insert(place);
        while line.taken || line.waiting.first() != Some(&place) {
            line = self.moved.wait(line).unwrap_or_else(PoisonError::into_inner);
        }
        line.waiting.remove(&place);
        line.taken = true;
        drop(line);
        Turn { value: Some(self.value.lock().unwrap_or_else(PoisonError::into_inner)), turnstile: self }
    }

    /// Whether nobody uses the value.
    #[cfg(test)]
    pub fn is_free(&self) -> bool {
        !self.line().taken
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Deref for Turn<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().unwrap_or_else(|| unreachable!("the value is released on drop only"))
    }
}

impl<T> DerefMut for Turn<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_mut().unwrap_or_else(|| unreachable!("the value is released on drop only"))
    }
}

impl<T> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        self.value = None;
        self.turnstile.line().taken = false;
        self.turnstile.moved.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_most_urgent_goes_first_and_then_the_first_come() {
        let turnstile = Turnstile::new(Vec::new());
        thread::scope(|scope| {
            let turn = turnstile.take(Priority::Batch);
            let line =
                [(Priority::Batch, 'c'), (Priority::Batch, 'd'), (Priority::Live, 'a'), (Priority::Interactive, 'b')];
            for (count, (priority, name)) in line.into_iter().enumerate() {
                let turnstile = &turnstile;
                scope.spawn(move || turnstile.take(priority).push(name));
                while turnstile.line().waiting.len() <= count {
                    thread::sleep(Duration::from_millis(1));
                }
            }
            drop(turn);
        });
        assert_eq!(*turnstile.take(Priority::Batch), ['a', 'b', 'c', 'd']);
    }

    #[test]
    fn after_a_turn_a_thread_queues_for_the_next() {
        let turnstile = Turnstile::new(Vec::new());
        thread::scope(|scope| {
            let turn = turnstile.take(Priority::Batch);
            for name in ['a', 'b'] {
                let turnstile = &turnstile;
                scope.spawn(move || {
                    for _ in 0..50 {
                        turnstile.take(Priority::Batch).push(name);
                    }
                });
            }
            while turnstile.line().waiting.len() < 2 {
                thread::sleep(Duration::from_millis(1));
            }
            drop(turn);
        });
        let taken = turnstile.take(Priority::Batch);
        assert_eq!(taken.len(), 100);
    }
}
