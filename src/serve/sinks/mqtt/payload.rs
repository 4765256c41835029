//! Results as JSON: one object for each step.

use serde_json::{Map, Value};

use crate::serve::sinks::said::Said;

/// Keys of a result that each of its steps repeats.
const SHARED: &[&str] = &["id", "source", "time", "uptime_s", "latency_ms"];

/// What identifies a result.
pub fn shared(line: &Map<String, Value>) -> Map<String, Value> {
    SHARED.iter().filter_map(|key| Some((key.to_string(), line.get(*key)?.clone()))).collect()
}

/// The message of one step: what identifies the result, what the step said, and the step's own keys.
pub fn step(line: &Map<String, Value>, said: Said) -> Map<String, Value> {
    let mut message = shared(line);
    if let Some(text) = said.text() {
        message.insert("said".to_string(), Value::from(text));
    }
    if let Some(confidence) = said.confidence() {
        message.insert("confidence".to_string(), Value::from((confidence * 1e6).round() / 1e6));
    }
    for (key, value) in said.value.as_object().into_iter().flatten() {
        message.entry(key.clone()).or_insert_with(|| value.clone());
    }
    if let Some(warnings) = line.get("warnings") {
        message.insert("warnings".to_string(), warnings.clone());
    }
    message
}
