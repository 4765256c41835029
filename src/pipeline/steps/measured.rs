//! The outcome of a step: its value with the time it took, nothing, or an error that belongs to the record.

use std::time::Instant;

use crate::error::Error;
use crate::pipeline::outcome::{Done, Outcome, StepValue};

/// A step returns nothing if the record lacks its input.
pub(in crate::pipeline) type StepOutcome<T> = Result<Option<Measured<T>>, Error>;

/// A value, what it took, and where.
pub(in crate::pipeline) struct Measured<T> {
    pub value: T,
    pub ms: f64,
    pub provider: &'static str,
}

/// Keeps an error about the record's own files in the result, and passes on those that every record would meet.
pub(super) fn kept<T: StepValue>(key: &'static str, outcome: StepOutcome<T>) -> Result<Option<Outcome>, Error> {
    let result = match outcome {
        Ok(None) => return Ok(None),
        Ok(Some(Measured { value, ms, provider })) => {
            Ok(Done { value: Box::new(value), ms, provider: provider.into() })
        }
        Err(error) if error.is_about_input() => Err(error.to_string()),
        Err(error) => return Err(error),
    };
    Ok(Some(Outcome { key, result }))
}

pub(in crate::pipeline) fn timed<T>(value: T, started: Instant, provider: &'static str) -> Measured<T> {
    // Microseconds are as fine as the clock is worth.
    let ms = (started.elapsed().as_secs_f64() * 1e6).round() / 1e3;
    Measured { value, ms, provider }
}
