//! What the service counts and measures, for Prometheus.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use edgefuse::engine::resident_bytes;
use edgefuse::models::transcript::Transcript;
use edgefuse::pipeline::RecordResult;
use edgefuse::request::Request;
use prometheus_client::encoding::{prometheus_text, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use super::board::Board;
use super::sinks::SinkCounts;
use super::source_counts::SourceCounts;

/// A text format of the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextFormat {
    /// Prometheus's own, version 0.0.4, which every collector reads.
    Plain,
    OpenMetrics,
}

impl TextFormat {
    pub fn content_type(self) -> &'static str {
        match self {
            TextFormat::Plain => prometheus_text::CONTENT_TYPE,
            TextFormat::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Values of labels are routes, steps and models: their number does not grow with what clients send.
type Labels = Vec<(&'static str, String)>;

type Histograms = Family<Labels, Histogram, fn() -> Histogram>;

/// Why a request was refused before any work.
#[derive(Debug, Clone, Copy)]
pub enum Rejection {
    /// The queue is full.
    QueueFull,
    /// No room for its body.
    Memory,
    /// No room for its connection.
    Connections,
    /// No room for a live session.
    Live,
    /// The service is stopping.
    Stopping,
    /// A key, host or origin that is not accepted.
    Access,
}

impl Rejection {
    fn name(self) -> &'static str {
        match self {
            Rejection::QueueFull => "queue_full",
            Rejection::Memory => "memory",
            Rejection::Connections => "connections",
            Rejection::Live => "live_sessions",
            Rejection::Stopping => "stopping",
            Rejection::Access => "access",
        }
    }
}

pub struct Metrics {
    registry: Registry,
    answers: Family<Labels, Counter>,
    answer_time: Histograms,
    work_time: Histogram,
    wait_time: Histogram,
    step_time: Histograms,
    rejections: Family<Labels, Counter>,
    cancelled: Counter,
    late: Counter,
    sound: Counter<f64, AtomicU64>,
    transcribing: Counter<f64, AtomicU64>,
    tokens: Counter,
    utterances: Counter,
    running: Gauge,
    waiting: Gauge,
    live: Gauge,
    loaded: Family<Labels, Gauge>,
    memory: Gauge,
    pub sources: SourceCounts,
    pub sinks: SinkCounts,
}

/// From a millisecond to nine minutes, each bound twice the one before.
fn times() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 20))
}

impl Metrics {
    pub fn new() -> Self {
        let mut metrics = Metrics {
            registry: Registry::default(),
            answers: Family::default(),
            answer_time: Family::new_with_constructor(times),
            work_time: times(),
            wait_time: times(),
            step_time: Family::new_with_constructor(times),
            rejections: Family::default(),
            cancelled: Counter::default(),
            late: Counter::default(),
            sound: Counter::default(),
            transcribing: Counter::default(),
            tokens: Counter::default(),
            utterances: Counter::default(),
            running: Gauge::default(),
            waiting: Gauge::default(),
            live: Gauge::default(),
            loaded: Family::default(),
            memory: Gauge::default(),
            sources: SourceCounts::default(),
            sinks: SinkCounts::default(),
        };
        let own = metrics.registry.sub_registry_with_prefix("edgefuse");
        own.register("http_requests", "Answers over HTTP by route and status", metrics.answers.clone());
        let help = "Time from a request's header to the answer's header, by route";
        own.register_with_unit("http_request_duration", help, Unit::Seconds, metrics.answer_time.clone());
        let help = "Time that accepted requests took, waiting included";
        own.register_with_unit("work_duration", help, Unit::Seconds, metrics.work_time.clone());
        let help = "Time that requests waited in the queue";
        own.register_with_unit("queue_wait", help, Unit::Seconds, metrics.wait_time.clone());
        let help = "Time that steps took, by the key of their results";
        own.register_with_unit("step_duration", help, Unit::Seconds, metrics.step_time.clone());
        own.register("rejections", "Requests refused before any work, by reason", metrics.rejections.clone());
        own.register("cancelled_requests", "Requests whose client went away", metrics.cancelled.clone());
        own.register("late_requests", "Requests that exceeded their time limit", metrics.late.clone());
        own.register_with_unit("sound", "Length of transcribed sound", Unit::Seconds, metrics.sound.clone());
        let help = "Time that transcripts took; divided by `sound`, the real-time factor";
        own.register_with_unit("transcribing", help, Unit::Seconds, metrics.transcribing.clone());
        own.register("tokens", "Tokens chosen by greedy search or sampling", metrics.tokens.clone());
        own.register("wyoming_utterances", "Utterances transcribed over Wyoming", metrics.utterances.clone());
        own.register("requests_running", "Requests that are being processed", metrics.running.clone());
        own.register("requests_waiting", "Requests that wait for their turn", metrics.waiting.clone());
        own.register("live_sessions", "Live sessions that are open", metrics.live.clone());
        own.register("model_loaded", "1 for each model that is in memory", metrics.loaded.clone());
        metrics.sources.register(own);
        metrics.sinks.register(own);
        let help = "Resident memory of the process";
        metrics.registry.register_with_unit("process_resident_memory", help, Unit::Bytes, metrics.memory.clone());
        metrics
    }

    /// An answer over HTTP.
    pub fn answered(&self, route: &str, status: u16, after: Duration) {
        let route = ("route", route.to_string());
        self.answers.get_or_create(&vec![route.clone(), ("status", status.to_string())]).inc();
        self.answer_time.get_or_create(&vec![route]).observe(after.as_secs_f64());
    }

    /// Work that ended, in whatever way.
    pub fn worked(&self, after: Duration) {
        self.work_time.observe(after.as_secs_f64());
    }

    /// A request that was stopped: `cancelled`, or else late.
    pub fn stopped(&self, cancelled: bool) {
        if cancelled { &self.cancelled } else { &self.late }.inc();
    }

    pub fn rejected(&self, why: Rejection) {
        self.rejections.get_or_create(&vec![("reason", why.name().to_string())]).inc();
    }

    /// A result of the pipeline.
    pub fn processed(&self, result: &RecordResult) {
        for (step, ms, _) in result.costs() {
            self.step_time.get_or_create(&vec![("step", step.to_string())]).observe(ms / 1000.0);
        }
        if let Some(timed) = result.transcript() {
            self.transcribed(timed.value, timed.ms);
        }
    }

    fn transcribed(&self, transcript: &Transcript, ms: f64) {
        self.sound.inc_by(transcript.duration);
        self.transcribing.inc_by(ms / 1000.0);
    }

    /// Live sessions that began, or ended if negative.
    pub fn live(&self, change: i64) {
        self.live.inc_by(change);
    }

    pub fn utterance(&self) {
        self.utterances.inc();
    }

    /// Counts the request's tokens, and measures how long it waits in the queue.
    pub fn observe(&self, request: Request) -> Request {
        let (tokens, waits) = (self.tokens.clone(), self.wait_time.clone());
        let count = move |_| {
            tokens.inc();
        };
        request.on_token(count).on_admitted(move |waited| waits.observe(waited.as_secs_f64()))
    }

    /// Everything, as text.
    pub fn text(&self, board: &Board, format: TextFormat) -> Result<String, fmt::Error> {
        let (running, waiting) = board.models.requests();
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.running.set(number(running));
        self.waiting.set(number(waiting));
        let loaded = board.models.loaded();
        // Models that the device file no longer lists are forgotten.
        self.loaded.clear();
        for name in board.device().models.keys() {
            let gauge = self.loaded.get_or_create(&vec![("model", name.clone())]);
            gauge.set(i64::from(loaded.contains(name)));
        }
        self.memory.set(resident_bytes().and_then(|bytes| i64::try_from(bytes).ok()).unwrap_or(0));
        let mut text = String::new();
        match format {
            TextFormat::Plain => prometheus_text::encode(&mut text, &self.registry)?,
            TextFormat::OpenMetrics => text::encode(&mut text, &self.registry)?,
        }
        Ok(text)
    }
}
