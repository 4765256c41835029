//! The last warnings, for the person who looks at the board from afar.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

/// Number of warnings that are kept.
const KEPT: usize = 20;

/// A warning or an error of the log.
#[derive(Debug, Clone, Serialize)]
pub struct Warning {
    /// Unix time in seconds.
    pub time: u64,
    pub message: String,
}

static RECENT: Mutex<VecDeque<Warning>> = Mutex::new(VecDeque::new());

/// Keeps a warning; the oldest gives way.
pub fn note(message: String) {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let mut recent = RECENT.lock().unwrap_or_else(PoisonError::into_inner);
    if recent.len() == KEPT {
        recent.pop_front();
    }
    recent.push_back(Warning { time, message });
}

/// The warnings that are kept, oldest first.
pub fn warnings() -> Vec<Warning> {
    RECENT.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
}
