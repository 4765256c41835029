//! Sinks deliver results: each on a thread of its own, behind a bounded queue, so that none of them can hold up the sources
//! or another sink.

mod commands;
mod counts;
mod gate;
mod jsonl;
#[cfg(test)]
mod made;
mod mqtt;
mod names;
mod outage;
mod queue;
mod said;
mod snapshot;
mod spool;
mod stream;
mod webhook;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use edgefuse::config::{Device, Sink as SinkConfig, Target};
use edgefuse::pipeline::step_keys;

use super::StartError;
use super::event::Event;
use super::outlook::Outlooks;

pub use commands::{Command, Commands};
use counts::Counts;
pub use counts::SinkCounts;
use gate::Gate;
use jsonl::Jsonl;
use mqtt::Mqtt;
use queue::Queue;
use snapshot::Snapshot;
use webhook::Webhook;

/// Time for a sink to notice that its time is over.
const MARGIN: Duration = Duration::from_secs(1);

/// A place that results go to.
trait Sink: Send + 'static {
    /// Delivers the events of `queue` until it ends, then what was kept, by [`Queue::until`].
    async fn run(self, queue: &Queue);
}

/// What sinks need beside their options.
struct Context<'a> {
    device: &'a Device,
    commands: Arc<dyn Commands>,
    /// What the sources may report.
    outlooks: &'a Outlooks,
    /// The sources whose events the sink gets.
    sources: Vec<String>,
}

/// Work of a sink's thread.
type Run = Box<dyn FnOnce(&Queue) + Send>;

/// Opens a sink. A new kind adds one line.
fn open(target: &Target, name: &str, counts: &Counts, context: &Context) -> Result<Run, String> {
    match target {
        Target::Jsonl(options) => Jsonl::open(options, name, counts).map(runs),
        Target::Mqtt(options) => Mqtt::open(options, name, counts, context).map(runs),
        Target::Webhook(options) => Webhook::open(options, name, counts).map(runs),
        Target::Snapshot(options) => Snapshot::open(options, name, counts).map(runs),
    }
}

fn runs(sink: impl Sink) -> Run {
    Box::new(move |queue| {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return log::error!("sink: cannot start: {error}"),
        };
        runtime.block_on(sink.run(queue));
        // Not waiting for look-ups of host names, which take their time.
        runtime.shutdown_background();
    })
}

/// A sink that runs.
struct Outlet {
    gate: Gate,
    queue: Arc<Queue>,
}

/// All sinks of a device.
pub struct Sinks {
    outlets: Vec<Outlet>,
    /// Disconnected when all threads have ended.
    ended: Mutex<Receiver<()>>,
}

impl Sinks {
    /// Opens the device's sinks and starts their threads. `outlooks` is what its sources may report.
    ///
    /// # Errors
    /// [`StartError::Usage`] for a place that cannot be used at all, such as a folder without permission; a place that is
    /// away or full for now is none.
    pub fn start(
        device: &Device,
        outlooks: &Outlooks,
        counts: &SinkCounts,
        commands: Arc<dyn Commands>,
    ) -> Result<Self, StartError> {
        let wrong = |index: usize, problem: String| {
            StartError::Usage(format!("{}: sinks.{index}: {problem}", device.path.display()))
        };
        let mut opened = Vec::new();
        for (index, SinkConfig { target, filter }) in device.sinks.iter().enumerate() {
            if let Some(unknown) = filter.steps().find(|step| !step_keys().any(|key| key == *step)) {
                let keys: Vec<_> = step_keys().collect();
                return Err(wrong(index, format!("no step has the result `{unknown}`; there are {}", keys.join(", "))));
            }
            let name = target.name();
            let sources = filter.sources.clone().unwrap_or_else(|| device.sources.keys().cloned().collect());
            let context = Context { device, commands: commands.clone(), outlooks, sources };
            let counts = counts.of(&name);
            let run = open(target, &name, &counts, &context).map_err(|problem| wrong(index, problem))?;
            opened.push((Gate::new(filter.clone()), Arc::new(Queue::new(&name, counts)), name, run));
        }
        let (end, ended) = channel();
        let mut outlets = Vec::new();
        for (gate, queue, name, run) in opened {
            spawn(name, queue.clone(), run, end.clone())
                .map_err(|error| StartError::Usage(format!("cannot start threads: {error}")))?;
            outlets.push(Outlet { gate, queue });
        }
        Ok(Sinks { outlets, ended: Mutex::new(ended) })
    }

    /// Hands the event to every sink that wants it; never waits for any.
    pub fn publish(&self, event: &Arc<Event>) {
        for outlet in self.outlets.iter().filter(|outlet| outlet.gate.passes(event)) {
            outlet.queue.push(event.clone());
        }
    }

    /// Delivers what waits, as far as that is possible by `until`.
    pub fn stop(&self, until: Instant) {
        let left = until.saturating_duration_since(Instant::now());
        // Before `until`, so that files are unlocked then.
        let early = until.checked_sub(MARGIN.min(left / 4)).unwrap_or(until);
        self.outlets.iter().for_each(|outlet| outlet.queue.end(early));
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = ended.recv_timeout(until.saturating_duration_since(Instant::now()));
    }
}

/// Runs a sink on a thread of its own. `end` is dropped at its end.
fn spawn(name: String, queue: Arc<Queue>, run: Run, end: Sender<()>) -> std::io::Result<()> {
    let work = move || {
        let _end = end;
        // A fault of one sink must not be one of the service.
        if catch_unwind(AssertUnwindSafe(|| run(&queue))).is_err() {
            log::error!("sink {name}: ended by an internal error; its results are dropped until the next start");
        }
        queue.close();
    };
    thread::Builder::new().name("edgefuse-sink".to_string()).spawn(work).map(|_| ())
}

#[cfg(test)]
mod tests;
