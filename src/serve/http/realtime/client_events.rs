//! Events that the client sends.

use edgefuse::inline::from_base64;
use serde::Deserialize;

use super::settings::Update;
use crate::serve::http::failure::Failure;

/// An event.
#[derive(Debug)]
pub enum ClientEvent {
    /// Changes the session.
    Update(Box<Update>),
    /// Sound: PCM samples.
    Append(Vec<u8>),
    /// What was sent is to be transcribed now.
    Commit,
    /// What was sent is to be dropped.
    Clear,
}

#[derive(Deserialize)]
struct Raw {
    #[serde(rename = "type")]
    kind: String,
    audio: Option<String>,
    session: Option<Update>,
}

/// The id of an event, which an error about it repeats.
#[derive(Deserialize)]
struct Identity {
    event_id: Option<String>,
}

/// The id that the client gave to an event, if it is readable.
pub fn id(text: &str) -> Option<String> {
    serde_json::from_str::<Identity>(text).ok()?.event_id
}

/// Reads an event.
pub fn read(text: &str) -> Result<ClientEvent, Failure> {
    let raw: Raw = serde_json::from_str(text)
        .map_err(|error| Failure::invalid(format!("an event is not as expected: {error}")))?;
    match raw.kind.as_str() {
        "session.update" | "transcription_session.update" => match raw.session {
            Some(update) => Ok(ClientEvent::Update(Box::new(update))),
            None => Err(Failure::field("session", "is missing")),
        },
        "input_audio_buffer.append" => {
            let audio = raw.audio.ok_or_else(|| Failure::field("audio", "is missing; it is PCM sound in base64"))?;
            let samples = from_base64(&audio).map_err(|error| Failure::field("audio", error))?;
            Ok(ClientEvent::Append(samples))
        }
        "input_audio_buffer.commit" => Ok(ClientEvent::Commit),
        "input_audio_buffer.clear" => Ok(ClientEvent::Clear),
        other => {
            let known = "session.update, input_audio_buffer.append, input_audio_buffer.commit and \
                         input_audio_buffer.clear";
            Err(Failure::field("type", format!("`{other}` is not supported in a transcription session; {known} are")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_event_is_an_error() {
        for (text, expected) in [
            ("nonsense", "an event is not as expected"),
            ("{}", "missing field `type`"),
            (r#"{"type": "response.create"}"#, "`response.create` is not supported"),
            (r#"{"type": "input_audio_buffer.append"}"#, "`audio`: is missing"),
            (r#"{"type": "input_audio_buffer.append", "audio": "*"}"#, "`audio`: "),
            (r#"{"type": "session.update"}"#, "`session`: is missing"),
        ] {
            let message = read(text).unwrap_err().json().to_string();
            assert!(message.contains(expected), "{expected}: {message}");
        }
        assert!(
            matches!(read(r#"{"type": "input_audio_buffer.append", "audio": "AAE="}"#), Ok(ClientEvent::Append(bytes)) if bytes == [0, 1])
        );
        assert_eq!(id(r#"{"type": 5, "event_id": "a"}"#).as_deref(), Some("a"));
    }
}
