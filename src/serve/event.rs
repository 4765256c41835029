//! What happens on the device: sources report events, sinks deliver them.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use edgefuse::RecordResult;
use edgefuse::media::image::RgbImage;
use serde_json::{Map, Value};

/// When something happened, by two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Wall-clock time, which may jump when the clock is set.
    pub time: SystemTime,
    /// Time since the machine started, which never jumps (`CLOCK_BOOTTIME`).
    pub uptime: Duration,
}

impl Moment {
    /// Now.
    pub fn now() -> Self {
        let uptime = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let (seconds, nanoseconds) = (uptime.tv_sec.max(0).unsigned_abs(), uptime.tv_nsec.max(0).unsigned_abs());
        Moment { time: SystemTime::now(), uptime: Duration::from_secs(seconds) + Duration::from_nanos(nanoseconds) }
    }

    /// This moment, shifted back by `span`.
    pub fn before(self, span: Duration) -> Self {
        Moment {
            time: self.time.checked_sub(span).unwrap_or(SystemTime::UNIX_EPOCH),
            uptime: self.uptime.saturating_sub(span),
        }
    }

    /// Time from `earlier` to this moment; zero if `earlier` is later.
    pub fn since(self, earlier: Moment) -> Duration {
        self.uptime.saturating_sub(earlier.uptime)
    }

    /// The wall-clock time by RFC 3339, in UTC with milliseconds.
    pub fn text(self) -> String {
        humantime::format_rfc3339_millis(self.time).to_string()
    }
}

/// Something that a source reports.
#[derive(Debug)]
pub struct Event {
    /// The source's name in the device file.
    pub source: Arc<str>,
    /// When it happened: the capture of the picture, the start of the speech.
    pub at: Moment,
    pub what: What,
}

/// What a source reports.
#[derive(Debug)]
pub enum What {
    /// The result of a record.
    Result(Box<Finding>),
    /// Text of speech that is not over yet; later ones replace it, and a result ends it.
    Partial(String),
    /// Somebody started or stopped speaking.
    Speech(bool),
    /// Something started or stopped moving.
    Motion(bool),
    /// The source works.
    Up,
    /// The source does not work, with the reason.
    Down(String),
}

/// The result of a record, with what it is about.
#[derive(Debug)]
pub struct Finding {
    pub result: RecordResult,
    /// The picture, if the record has one.
    pub picture: Option<Arc<RgbImage>>,
    /// End of what the record is about: the capture of the picture, the end of the speech.
    pub until: Moment,
    /// When the result was known.
    pub known: Moment,
    json: OnceLock<Map<String, Value>>,
}

impl Finding {
    /// A result that is known now, about something that ended at `until`.
    pub fn new(result: RecordResult, picture: Option<Arc<RgbImage>>, until: Moment) -> Self {
        Finding { result, picture, until, known: Moment::now(), json: OnceLock::new() }
    }
}

impl Event {
    /// The result that is reported, if it is one.
    pub fn finding(&self) -> Option<&Finding> {
        match &self.what {
            What::Result(finding) => Some(finding),
            _ => None,
        }
    }

    /// A result as the object of its line: `id`, `source`, `time` (RFC 3339), `uptime_s` and `latency_ms`, from the capture
    /// of the picture or the end of the speech to the result, followed by the keys of `edgefuse run`. `None` for other events.
    pub fn line(&self) -> Option<&Map<String, Value>> {
        let finding = self.finding()?;
        Some(finding.json.get_or_init(|| {
            let mut line = Map::new();
            // By way of text, because a value would have the digits of a number's `f64`.
            let text = serde_json::to_string(&finding.result).unwrap_or_default();
            let mut result: Map<String, Value> = serde_json::from_str(&text).unwrap_or_default();
            line.insert("id".to_string(), result.shift_remove("id").unwrap_or_default());
            line.insert("source".to_string(), Value::from(&*self.source));
            line.insert("time".to_string(), Value::from(self.at.text()));
            line.insert("uptime_s".to_string(), Value::from(self.at.uptime.as_millis() as f64 / 1_000.0));
            let latency = finding.known.since(finding.until);
            line.insert("latency_ms".to_string(), Value::from(latency.as_millis() as u64));
            line.append(&mut result);
            line
        }))
    }
}
