//! Events for tests.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use edgefuse::media::image::RgbImage;

use crate::serve::event::{Event, Finding, Moment, What};

/// As [`result`], with a picture and without steps.
pub fn pictured(source: &str, id: &str, picture: RgbImage) -> Event {
    let result = serde_json::from_str(&serde_json::json!({"id": id}).to_string()).unwrap();
    event(source, What::Result(Box::new(Finding::new(result, Some(Arc::new(picture)), moment()))))
}

/// 2026-11-30T12:00:00Z, after an hour of running.
fn moment() -> Moment {
    Moment { time: SystemTime::UNIX_EPOCH + Duration::from_secs(1_796_040_000), uptime: Duration::from_secs(3600) }
}

pub fn event(source: &str, what: What) -> Event {
    Event { source: source.into(), at: moment(), what }
}

/// A result with these steps, as JSON.
pub fn result(source: &str, steps: &str) -> Event {
    numbered(source, 1, steps)
}

/// As [`result`], with a number in its id.
pub fn numbered(source: &str, number: u64, steps: &str) -> Event {
    let comma = if steps.is_empty() { "" } else { "," };
    let result = serde_json::from_str(&format!(r#"{{"id":"{source}-{number}"{comma}{steps}}}"#)).unwrap();
    event(source, What::Result(Box::new(Finding::new(result, None, moment()))))
}

/// As [`numbered`], with a caption.
pub fn captioned(source: &str, number: u64) -> Arc<Event> {
    let step =
        format!(r#""caption":{{"text":"view {number}","log_probability":-1,"score":-0.2,"ms":1,"provider":"cpu"}}"#);
    Arc::new(numbered(source, number, &step))
}
