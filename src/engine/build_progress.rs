//! Progress reports while a session is built.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// Interval between reports.
const INTERVAL: Duration = Duration::from_secs(5);

/// A session that is being built.
#[derive(Debug)]
pub struct BuildProgress<'a> {
    /// The graph, `model/role`.
    pub graph: &'a str,
    /// The first provider that compiles it.
    pub provider: &'static str,
    /// Time since the build began.
    pub elapsed: Duration,
}

/// Receives the progress.
pub(super) type OnBuild = Box<dyn Fn(&BuildProgress) + Send + Sync>;

/// Runs `build`, calling `report` every few seconds.
pub(super) fn watched<T>(report: &OnBuild, graph: &str, provider: &'static str, build: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let (done, waiting) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            while waiting.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                report(&BuildProgress { graph, provider, elapsed: started.elapsed() });
            }
        });
        let built = build();
        // Before the end of the scope, which joins the thread.
        drop(done);
        built
    })
}
