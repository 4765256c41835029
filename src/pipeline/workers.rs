//! Processes records on several threads, in bounded number.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::output::Mark;
use super::record::{BadRecord, Record};
use super::result::RecordResult;
use super::runner::Pipeline;
use crate::error::Error;
use crate::models::capability::OnProgress;
use crate::support::guard::guarded;
use crate::support::request::Request;

/// Called with the record's number and the seconds of sound that are done, and in total.
type OnSeconds = dyn Fn(u64, f64, f64) + Send + Sync;

/// How records are processed.
#[derive(Clone)]
pub struct Workers {
    /// How many records are in work at once. As many are read and not yet answered.
    pub in_flight: usize,
    /// Whether answers come in the order of the records, or as soon as they are ready.
    pub ordered: bool,
    /// The request that all records are part of. Cancelling it ends the work.
    pub request: Request,
    /// Called while a recording is being transcribed, on a thread of the workers.
    pub on_seconds: Option<Arc<OnSeconds>>,
}

/// Accepts records for [`Answers`]. Dropping it is the end of the records.
pub struct Submit(Arc<Shared>);

/// The results of the records that were submitted. Dropping it cancels what is not finished, and waits until no thread
/// uses a model.
pub struct Answers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

/// The result of one record.
pub struct Answer {
    /// The result.
    pub result: RecordResult,
    /// Its origin; `None` for a record that could not be read.
    pub mark: Option<Mark>,
}

/// What [`Answers::next_within`] found.
pub enum Next {
    /// A record was processed; the error is one that every record would meet.
    Answer(Result<Box<Answer>, Error>),
    /// None was, so far.
    Waiting,
    /// All records were answered, and there will be no more.
    End,
}

struct Shared {
    workers: Workers,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(u64, Result<Record, BadRecord>)>,
    done: BTreeMap<u64, Result<Box<Answer>, Error>>,
    submitted: u64,
    answered: u64,
    /// No more records will be submitted.
    ended: bool,
    /// No more answers are wanted.
    stopped: bool,
}

impl Workers {
    /// Starts the threads.
    pub fn start(self, pipeline: &Arc<Pipeline>) -> (Submit, Answers) {
        let count = self.in_flight;
        let shared = Arc::new(Shared { workers: self, state: Mutex::default(), changed: Condvar::new() });
        let spawn = |_| {
            let (shared, pipeline) = (Arc::clone(&shared), Arc::clone(pipeline));
            thread::spawn(move || shared.work(&pipeline))
        };
        let threads = (0..count).map(spawn).collect();
        (Submit(Arc::clone(&shared)), Answers { shared, threads })
    }
}

impl Submit {
    /// Hands over a record, once fewer than `in_flight` are unanswered. Returns `false` if no more are wanted.
    pub fn submit(&self, record: Result<Record, BadRecord>) -> bool {
        let mut state = self.0.state();
        while !state.stopped && state.unanswered() >= self.0.workers.in_flight as u64 {
            state = self.0.wait(state);
        }
        if state.stopped {
            return false;
        }
        let number = state.submitted;
        state.waiting.push_back((number, record));
        state.submitted += 1;
        self.0.changed.notify_all();
        true
    }
}

impl Drop for Submit {
    fn drop(&mut self) {
        self.0.state().ended = true;
        self.0.changed.notify_all();
    }
}

impl Answers {
    /// The next answer, if there is one within `time`.
    pub fn next_within(&mut self, time: Duration) -> Next {
        let until = Instant::now() + time;
        let mut state = self.shared.state();
        loop {
            if let Some(answer) = state.take(self.shared.workers.ordered) {
                self.shared.changed.notify_all();
                return Next::Answer(answer);
            }
            if state.ended && state.unanswered() == 0 {
                return Next::End;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Next::Waiting;
            }
            state = self.shared.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// How many records were submitted and not answered.
    pub fn unanswered(&self) -> u64 {
        self.shared.state().unanswered()
    }

    /// Cancels what is not finished, without waiting for it. A graph that runs is finished first.
    pub fn stop(&self) {
        self.shared.state().stopped = true;
        self.shared.workers.request.cancel();
        self.shared.changed.notify_all();
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        self.stop();
        for thread in self.threads.drain(..) {
            // A panic was reported, and became an answer.
            let _ = thread.join();
        }
    }
}

impl State {
    fn unanswered(&self) -> u64 {
        self.submitted - self.answered
    }

    fn take(&mut self, ordered: bool) -> Option<Result<Box<Answer>, Error>> {
        let first = self.done.first_entry()?;
        if ordered && *first.key() != self.answered {
            return None;
        }
        let answer = first.remove();
        self.answered += 1;
        Some(answer)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// One thread: processes records until there will be no more.
    fn work(&self, pipeline: &Pipeline) {
        loop {
            let mut state = self.state();
            let (number, record) = loop {
                if state.stopped {
                    return;
                }
                match state.waiting.pop_front() {
                    Some(record) => break record,
                    None if state.ended => return,
                    None => state = self.wait(state),
                }
            };
            drop(state);
            let answer = self.answer(pipeline, number, record).map(Box::new);
            self.state().done.insert(number, answer);
            self.changed.notify_all();
        }
    }

    fn answer(&self, pipeline: &Pipeline, number: u64, record: Result<Record, BadRecord>) -> Result<Answer, Error> {
        let record = match record {
            Ok(record) => record,
            Err(bad) => return Ok(Answer { result: RecordResult::failed(bad.id, bad.problem), mark: None }),
        };
        let on_seconds = self.workers.on_seconds.as_deref();
        let progress: &mut OnProgress = &mut |done, total| {
            if let Some(on_seconds) = on_seconds {
                on_seconds(number, done, total);
            }
        };
        let work = || (Mark::of(&record), pipeline.process(&record, progress));
        match self.workers.request.run(|| guarded(work)) {
            Ok((mark, result)) => Ok(Answer { result: result?, mark: Some(mark) }),
            Err(fault) => Ok(Answer { result: RecordResult::failed(record.name(), fault), mark: None }),
        }
    }
}
