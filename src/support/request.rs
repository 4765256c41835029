//! A caller's request: its priority, deadline and cancellation.
//!
//! A request belongs to the thread that works on it, for as long as [`Request::run`] runs. Everything called there
//! observes it without an extra parameter: the most urgent request gets the next graph run, and a request that was
//! cancelled or whose deadline passed stops before its next graph run, that is, between any two tokens or windows.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use edgefuse::{Error, Pipeline, Record};
//! use edgefuse::request::{Priority, Request};
//!
//! # fn answer(pipeline: &Pipeline, record: &Record) -> Result<(), Error> {
//! let request = Request::new(Priority::Interactive).with_timeout(Duration::from_secs(5));
//! let cancel = request.clone(); // another thread may call `cancel.cancel()`
//! let result = request.run(|| pipeline.process(record, &mut |_, _| {}))?;
//! # let _ = (cancel, result);
//! # Ok(()) }
//! ```

use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Priority of a request. The more urgent one runs next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Work that nobody waits for: files of a folder, lines of a manifest.
    Batch,
    /// Somebody waits for the answer.
    #[default]
    Interactive,
    /// Sound or pictures that arrive whether or not they are processed.
    Live,
}

/// Why a request was not finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stopped {
    /// It was cancelled.
    Cancelled,
    /// Its deadline passed.
    DeadlinePassed,
}

impl fmt::Display for Stopped {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(match self {
            Stopped::Cancelled => "the request was cancelled",
            Stopped::DeadlinePassed => "the request's deadline passed",
        })
    }
}

/// Called with each new token id.
type OnToken = Arc<dyn Fn(i64) + Send + Sync>;

/// Called with each text that is settled.
type OnText = Arc<dyn Fn(&str) + Send + Sync>;

/// Called with the time that a request waited for admission.
type OnAdmitted = Arc<dyn Fn(Duration) + Send + Sync>;

/// A request. Clones are the same request: cancelling one cancels all.
#[derive(Clone, Default)]
pub struct Request {
    priority: Priority,
    deadline: Option<Instant>,
    cancelled: Arc<AtomicBool>,
    on_token: Option<OnToken>,
    on_text: Option<OnText>,
    on_admitted: Option<OnAdmitted>,
}

thread_local! {
    static CURRENT: RefCell<Option<Request>> = const { RefCell::new(None) };
}

impl Request {
    /// A request without a deadline.
    pub fn new(priority: Priority) -> Self {
        Request { priority, ..Request::default() }
    }

    /// Stops the request once this much time has passed from now.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.deadline = Instant::now().checked_add(timeout);
        self
    }

    /// Calls `on_token` with each token id as soon as greedy search or sampling chooses it; beam search, which revises
    /// its choices, reports none. A window of sound that is decoded again reports its tokens again.
    #[must_use]
    pub fn on_token(mut self, on_token: impl Fn(i64) + Send + Sync + 'static) -> Self {
        self.on_token = Some(Arc::new(on_token));
        self
    }

    /// Calls `on_text` with the text of each segment of a transcript, and each piece of a language model's answer, as soon
    /// as it will not change: joined and trimmed, they are the whole text.
    #[must_use]
    pub fn on_text(mut self, on_text: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.on_text = Some(Arc::new(on_text));
        self
    }

    /// Calls `on_admitted` with the time that the request waited in the queue each time it is admitted.
    #[must_use]
    pub fn on_admitted(mut self, on_admitted: impl Fn(Duration) + Send + Sync + 'static) -> Self {
        self.on_admitted = Some(Arc::new(on_admitted));
        self
    }

    /// The priority.
    pub fn priority(&self) -> Priority {
        self.priority
    }

    /// The deadline.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Stops the request before its next graph run. Its memory is freed when [`Request::run`] returns.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Checks that the request may continue.
    ///
    /// # Errors
    /// [`Stopped`] if it was cancelled or its deadline passed.
    pub fn check(&self) -> Result<(), Stopped> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(Stopped::Cancelled);
        }
        match self.deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            true => Err(Stopped::DeadlinePassed),
            false => Ok(()),
        }
    }

    /// Runs `work` as part of this request, on the current thread.
    pub fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        /// Restores the outer request, even if `work` panics.
        struct Restore(Option<Request>);

        impl Drop for Restore {
            fn drop(&mut self) {
                CURRENT.set(self.0.take());
            }
        }

        let _restore = Restore(CURRENT.replace(Some(self.clone())));
        work()
    }

    /// The request of the current thread; outside of [`Request::run`], one without a deadline.
    pub fn current() -> Self {
        CURRENT.with_borrow(Option::clone).unwrap_or_default()
    }

    /// Reports a token.
    pub(crate) fn report_token(&self, token: i64) {
        if let Some(on_token) = &self.on_token {
            on_token(token);
        }
    }

    /// Reports an admission.
    pub(crate) fn report_admitted(&self, waited: Duration) {
        if let Some(on_admitted) = &self.on_admitted {
            on_admitted(waited);
        }
    }

    /// Reports a settled text.
    pub(crate) fn report_text(&self, text: &str) {
        if let Some(on_text) = &self.on_text {
            on_text(text);
        }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let Request { priority, deadline, cancelled, on_token: _, on_text: _, on_admitted: _ } = self;
        let mut text = formatter.debug_struct("Request");
        text.field("priority", priority).field("deadline", deadline).field("cancelled", cancelled).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_of_a_thread_is_the_innermost_that_runs() {
        let outer = Request::new(Priority::Live);
        outer.run(|| {
            Request::new(Priority::Batch).run(|| assert_eq!(Request::current().priority(), Priority::Batch));
            assert_eq!(Request::current().priority(), Priority::Live);
        });
        assert_eq!(Request::current().priority(), Priority::Interactive);
    }

    #[test]
    fn a_clone_cancels_and_a_deadline_passes() {
        let request = Request::default();
        assert_eq!(request.check(), Ok(()));
        request.clone().cancel();
        assert_eq!(request.check(), Err(Stopped::Cancelled));
        assert_eq!(Request::default().with_timeout(Duration::ZERO).check(), Err(Stopped::DeadlinePassed));
        assert_eq!(Request::default().with_timeout(Duration::MAX).check(), Ok(()));
    }
}
