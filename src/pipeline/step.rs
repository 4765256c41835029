//! The outcome of a step: its value with the time it took, nothing, or an error that stays with the record.

use std::time::Instant;

use super::result::{StepResult, Timed};
use crate::error::Error;

/// A step gives nothing when the record has not what it needs.
pub(super) type StepOutcome<T> = Result<Option<Timed<T>>, Error>;

/// Keeps an error about the record's own files in the result, and passes on those that would meet every record.
pub(super) fn kept<T>(outcome: StepOutcome<T>) -> Result<Option<StepResult<T>>, Error> {
    match outcome {
        Ok(value) => Ok(value.map(StepResult::Done)),
        Err(error) if error.is_about_input() => Ok(Some(StepResult::Failed { error: error.to_string() })),
        Err(error) => Err(error),
    }
}

pub(super) fn timed<T>(value: T, started: Instant, provider: &'static str) -> Timed<T> {
    // Microseconds are as fine as the clock is worth.
    let ms = (started.elapsed().as_secs_f64() * 1e6).round() / 1e3;
    Timed { value, ms, provider }
}
