//! Keeps a source running: restarts it with growing delays, and says so once.

use std::time::{Duration, Instant};

use edgefuse::redact::redacted;

use super::reporter::Reporter;
use super::stop::Stop;
use edgefuse::backoff::Backoff;

/// A source that worked for this long starts with the shortest delay again.
const STEADY: Duration = Duration::from_secs(10);

/// Maximum number of different reasons that are reported while a source does not work.
const MOST_REASONS: usize = 3;

/// How one run of a source ended.
pub enum Ended {
    /// It has no more data: it is not restarted.
    Finished,
    /// It is restarted. One line.
    Failed(String),
}

/// A running source, as its supervisor sees it.
pub struct Pulse<'a> {
    reporter: &'a Reporter,
    /// Since when the source does not work, unless it does.
    down: &'a mut Option<Instant>,
    attempts: &'a mut u32,
    since: Option<Instant>,
}

impl Pulse<'_> {
    /// The source has delivered data.
    pub fn beat(&mut self) {
        if self.since.is_some() {
            return;
        }
        self.since = Some(Instant::now());
        if let Some(down) = self.down.take() {
            let name = &self.reporter.name;
            let (seconds, attempts) = (down.elapsed().as_secs_f64(), *self.attempts);
            log::warn!("source {name}: works again after {seconds:.1} s and {attempts} attempts");
        }
        self.reporter.up();
    }
}

/// Runs `attempt` until it finishes or the sources stop. While it fails, it is repeated with growing, jittered delays;
/// each reason for failing and the recovery are logged once, and reported to the sinks.
pub fn keep_running(reporter: &Reporter, stop: &Stop, mut attempt: impl FnMut(&mut Pulse) -> Ended) {
    let mut backoff = Backoff::default();
    let (mut down, mut attempts, mut said) = (None, 0, Vec::new());
    while !stop.is_set() {
        attempts += 1;
        let mut pulse = Pulse { reporter, down: &mut down, attempts: &mut attempts, since: None };
        let ended = attempt(&mut pulse);
        let worked = pulse.since.map(|since| since.elapsed());
        if stop.is_set() {
            return;
        }
        let name = &reporter.name;
        let problem = match ended {
            Ended::Finished => {
                log::warn!("source {name}: finished");
                reporter.down("finished");
                return;
            }
            Ended::Failed(problem) => redacted(&problem).into_owned(),
        };
        if worked.is_some_and(|worked| worked >= STEADY) {
            backoff.reset();
        }
        if worked.is_some() {
            attempts = 0;
        }
        let wait = backoff.next_jittered();
        if down.is_none() {
            down = Some(Instant::now());
            said.clear();
        }
        let seconds = wait.as_secs_f64();
        if said.len() < MOST_REASONS && !said.contains(&problem) {
            log::warn!("source {name}: {problem}; it is restarted until it works, next in {seconds:.1} s");
            reporter.down(&problem);
            said.push(problem);
        } else {
            log::debug!("source {name}: {problem}; the next attempt is in {seconds:.1} s");
        }
        stop.sleep(wait);
    }
}
