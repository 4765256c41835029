//! Asks the threads of the sources to end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Interval at which waiting threads check whether they should end.
const LOOK: Duration = Duration::from_millis(100);

/// Whether the sources should end. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    pub fn set(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Sleeps, but not longer than until the sources should end.
    pub fn sleep(&self, time: Duration) {
        let until = Instant::now() + time;
        while !self.is_set() {
            match until.saturating_duration_since(Instant::now()) {
                Duration::ZERO => return,
                rest => thread::sleep(rest.min(LOOK)),
            }
        }
    }
}
