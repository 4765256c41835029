//! Runs what several callers ask of one graph at once, where a batch costs less than its records one by one.
//!
//! Nobody waits for others to come: a caller whose turn it is takes along what waits already. What a batch costs is
//! measured by `scripts/dev.py measure_batches`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::engine::{EngineError, Turnstile};
use crate::support::request::{Priority, Request};

/// Maximum number of records in a batch. The student gains little beyond.
const MOST: usize = 8;

/// Inputs that can share a batch.
pub trait Batchable {
    /// Whether both can share a batch: everything but their numbers is the same.
    fn fits(&self, other: &Self) -> bool;
}

/// The callers of one graph that wait for its next run.
pub struct Batches<I, O> {
    waiting: Mutex<Vec<Arc<Slot<I, O>>>>,
    turn: Turnstile<()>,
}

/// One caller's input, and its output once another caller has run it.
struct Slot<I, O> {
    priority: Priority,
    input: I,
    output: Mutex<Option<O>>,
}

impl<I: Batchable, O> Batches<I, O> {
    pub fn new() -> Self {
        Batches { waiting: Mutex::default(), turn: Turnstile::new(()) }
    }

    /// Runs `input`, with what waits beside it, through `run`: inputs in, as many outputs out.
    ///
    /// # Errors
    /// Those of `run` about this input alone; [`EngineError::Stopped`] if the current request was stopped.
    pub fn run(&self, input: I, run: impl Fn(&[&I]) -> Result<Vec<O>, EngineError>) -> Result<O, EngineError> {
        let request = Request::current();
        let slot = Arc::new(Slot { priority: request.priority(), input, output: Mutex::default() });
        self.waiting().push(slot.clone());
        let _turn = self.turn.take(request.priority());
        if let Some(output) = slot.output().take() {
            return Ok(output);
        }
        if let Err(stopped) = request.check() {
            self.waiting().retain(|other| !Arc::ptr_eq(other, &slot));
            return Err(EngineError::Stopped(stopped));
        }
        let batch = self.batch(&slot);
        if batch.len() > 1 {
            // The others do not depend on the fate of this request.
            let urgent = batch.iter().map(|slot| slot.priority).max().unwrap_or_default();
            let inputs: Vec<&I> = batch.iter().map(|slot| &slot.input).collect();
            match Request::new(urgent).run(|| run(&inputs)) {
                Ok(outputs) => {
                    batch.iter().zip(outputs).for_each(|(slot, output)| *slot.output() = Some(output));
                }
                // One of them is at fault, and each finds out by itself.
                Err(error) => {
                    log::debug!("a batch of {} runs one by one: {error}", batch.len());
                    self.waiting().extend(batch.into_iter().filter(|other| !Arc::ptr_eq(other, &slot)));
                }
            }
            if let Some(output) = slot.output().take() {
                return Ok(output);
            }
        }
        match run(&[&slot.input])?.pop() {
            Some(output) => Ok(output),
            None => unreachable!("as many outputs as inputs"),
        }
    }

    /// Takes `own` and what can share its batch from those that wait.
    fn batch(&self, own: &Arc<Slot<I, O>>) -> Vec<Arc<Slot<I, O>>> {
        let mut waiting = self.waiting();
        waiting.retain(|slot| !Arc::ptr_eq(slot, own));
        let mut batch = vec![own.clone()];
        waiting.retain(|slot| {
            let joins = batch.len() < MOST && slot.input.fits(&own.input);
            if joins {
                batch.push(slot.clone());
            }
            !joins
        });
        batch
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Arc<Slot<I, O>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<I, O> Slot<I, O> {
    fn output(&self) -> MutexGuard<'_, Option<O>> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::support::request::Stopped;

    impl Batchable for i64 {
        fn fits(&self, other: &Self) -> bool {
            self % 2 == other % 2
        }
    }

    /// Doubles the inputs; a negative one fails its batch.
    fn doubled(inputs: &[&i64]) -> Result<Vec<i64>, EngineError> {
        match inputs.iter().any(|input| **input < 0) {
            true => Err(EngineError::Stopped(Stopped::Cancelled)),
            false => Ok(inputs.iter().map(|input| **input * 2).collect()),
        }
    }

    /// Runs `inputs` so that all wait when the first run ends; the outcomes, and the sizes of the runs.
    fn together(inputs: &[i64]) -> (Vec<Option<i64>>, Vec<usize>) {
        let (batches, sizes) = (Batches::<i64, i64>::new(), Mutex::new(Vec::new()));
        let started = AtomicUsize::new(0);
        let run = |input: i64| {
            batches.run(input, |batch| {
                while batches.waiting().len() + started.load(Ordering::SeqCst) < inputs.len() {
                    thread::sleep(Duration::from_millis(1));
                }
                started.store(inputs.len(), Ordering::SeqCst);
                sizes.lock().unwrap().push(batch.len());
                doubled(batch)
            })
        };
        let run = &run;
        let outcomes = thread::scope(|scope| {
            let first = scope.spawn(move || run(1_001));
            while !batches.waiting().is_empty() || batches.turn.is_free() {
                thread::sleep(Duration::from_millis(1));
            }
            let threads: Vec<_> = inputs.iter().map(|&input| scope.spawn(move || run(input).ok())).collect();
            let outcomes = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
            assert_eq!(first.join().unwrap().unwrap(), 2_002);
            outcomes
        });
        (outcomes, sizes.into_inner().unwrap())
    }

    #[test]
    fn what_waits_is_run_together_if_it_fits() {
        let (outcomes, sizes) = together(&[1, 3, 5, 2, 4]);
        assert_eq!(outcomes, [Some(2), Some(6), Some(10), Some(4), Some(8)]);
        assert_eq!(sizes[0], 1);
        let mut rest = sizes[1..].to_vec();
        rest.sort_unstable();
        assert_eq!(rest, [2, 3]);
    }

    #[test]
    fn one_bad_input_does_not_spoil_the_others() {
        let (outcomes, _) = together(&[1, -3, 5]);
        assert_eq!(outcomes, [Some(2), None, Some(10)]);
    }

    #[test]
    fn a_stopped_request_leaves_the_others_alone() {
        let batches = Batches::<i64, i64>::new();
        let stopped = Request::default();
        stopped.cancel();
        assert!(stopped.run(|| batches.run(1, doubled)).is_err());
        assert!(batches.waiting().is_empty());
        assert_eq!(batches.run(2, doubled).unwrap(), 4);
    }
}
