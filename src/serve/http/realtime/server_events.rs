//! Events that the server sends.

use axum::http::HeaderMap;
use serde_json::{Value, json};

use crate::serve::http::failure::Failure;

/// The names of events, which differ between the versions of OpenAI's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// Since August 2025.
    Current,
    /// Of clients that send `OpenAI-Beta: realtime=v1`.
    Beta,
}

impl Names {
    pub fn of(headers: &HeaderMap) -> Self {
        let beta = headers.get("openai-beta").is_some_and(|value| value.as_bytes() == b"realtime=v1");
        if beta { Names::Beta } else { Names::Current }
    }

    /// The event that reports the session, after it was `created` or `updated`.
    pub fn session(self, what: &str, session: Value) -> Value {
        let before = if self == Names::Beta { "transcription_session" } else { "session" };
        event(&format!("{before}.{what}"), json!({"session": session}))
    }

    /// The events for a new item of the conversation.
    pub fn item(self, id: &str, previous: Option<&str>) -> Vec<Value> {
        let content = json!([{"type": "input_audio", "transcript": null}]);
        let item = json!({
            "id": id, "object": "realtime.item", "type": "message", "status": "completed", "role": "user",
            "content": content,
        });
        let names: &[&str] = match self {
            Names::Beta => &["conversation.item.created"],
            Names::Current => &["conversation.item.added", "conversation.item.done"],
        };
        let events = names.iter().map(|name| event(name, json!({"previous_item_id": previous, "item": item})));
        events.collect()
    }
}

/// A new random id.
pub fn id(before: &str) -> String {
    format!("{before}_{:016x}", fastrand::u64(..))
}

/// An event with these fields.
pub fn event(kind: &str, mut fields: Value) -> Value {
    fields["type"] = kind.into();
    fields["event_id"] = id("event").into();
    fields
}

/// An event about the transcription of an item.
pub fn transcription(what: &str, item: &str, mut fields: Value) -> Value {
    fields["item_id"] = item.into();
    fields["content_index"] = 0.into();
    event(&format!("conversation.item.input_audio_transcription.{what}"), fields)
}

/// An error, caused by the client's event with the id `cause` if there is one. The session goes on.
pub fn error(failure: &Failure, cause: Option<&str>) -> Value {
    let mut error = failure.json()["error"].take();
    error["event_id"] = cause.into();
    event("error", json!({"error": error}))
}
