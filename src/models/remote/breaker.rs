//! A circuit breaker: an endpoint that fails is not asked again for a while, so that the records that follow do not each
//! wait for it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::support::backoff::Backoff;

/// Whether the endpoint may be asked.
#[derive(Default)]
pub(super) struct Breaker(Mutex<State>);

#[derive(Default)]
struct State {
    backoff: Backoff,
    /// Set from a failure until the next success.
    open: Option<Open>,
}

struct Open {
    until: Instant,
    wait: Duration,
    why: String,
}

impl Breaker {
    /// Whether the endpoint may be asked now. Once its pause is over, one caller at a time may try.
    ///
    /// # Errors
    /// Why not, and for how long.
    pub fn check(&self) -> Result<(), String> {
        let mut state = self.state();
        let Some(open) = &mut state.open else { return Ok(()) };
        let now = Instant::now();
        let left = open.until.saturating_duration_since(now);
        if left.is_zero() {
            open.until = now + open.wait;
            return Ok(());
        }
        Err(format!("{}; not asked again for {:.0} s", open.why, left.as_secs_f64().ceil()))
    }

    /// Records a failure.
    pub fn failed(&self, why: &str) {
        let mut state = self.state();
        let wait = state.backoff.next_jittered();
        state.open = Some(Open { until: Instant::now() + wait, wait, why: why.to_string() });
    }

    /// Records that the endpoint answered.
    pub fn worked(&self) {
        *self.state() = State::default();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end_pause(breaker: &Breaker) {
        breaker.state().open.as_mut().unwrap().until = Instant::now();
    }

    #[test]
    fn pauses_grow_until_the_endpoint_answers() {
        let breaker = Breaker::default();
        assert_eq!(breaker.check(), Ok(()));
        breaker.failed("connection refused");
        let error = breaker.check().unwrap_err();
        assert_eq!(error, "connection refused; not asked again for 1 s");
        for _ in 0..4 {
            breaker.failed("timed out");
        }
        assert!(breaker.state().open.as_ref().unwrap().wait > Duration::from_secs(7));
        breaker.worked();
        assert_eq!(breaker.check(), Ok(()));
        breaker.failed("again");
        assert!(breaker.state().open.as_ref().unwrap().wait <= Duration::from_secs(1));
    }

    #[test]
    fn one_caller_tries_after_the_pause() {
        let breaker = Breaker::default();
        breaker.failed("away");
        end_pause(&breaker);
        assert!(breaker.check().is_ok() && breaker.check().is_err());
    }
}
