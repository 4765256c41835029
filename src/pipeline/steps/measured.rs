//! The outcome of a step: its value with the time it took, nothing, or an error that belongs to the record.

use std::time::Instant;

use crate::error::Error;
use crate::pipeline::outcome::{Done, Outcome, StepValue};

/// A step returns nothing if the record lacks its input.
pub(in crate::pipeline) type StepOutcome<T> = Result<Option<Measured<T>>, Error>;

/// A value, its duration and its execution provider.
pub(in crate::pipeline) struct Measured<T> {
    pub value: T,
    pub ms: f64,
    pub provider: &'static str,
}

/// Turns an error about the record's own files into a result, and returns those that would affect every record.
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
    // Finer digits than microseconds would be noise.
    let ms = (started.elapsed().as_secs_f64() * 1e6).round() / 1e3;
    Measured { value, ms, provider }
}
