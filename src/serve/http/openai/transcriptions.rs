//! `POST /v1/audio/transcriptions` and `/v1/audio/translations`, and whisper.cpp's `POST /inference`.

use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Bytes;
use axum::extract::{Request as HttpRequest, State};
use axum::response::Response;
use edgefuse::config::Task;
use edgefuse::models::transcript::Transcript;
use edgefuse::pipeline::Sound;
use edgefuse::{Record, RecordResult};
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::options::{Asked, Dialect};
use super::transcripts::{answer, logprobs, usage};
use crate::serve::http::Api;
use crate::serve::http::body::Held;
use crate::serve::http::events::{self, DONE, json_event};
use crate::serve::http::failure::Failure;
use crate::serve::http::form::Form;
use crate::serve::service::CancelOnDrop;

/// The form field of the recording.
const FILE: &str = "file";

/// Speech to text, in the language spoken.
pub async fn transcriptions(State(api): State<Api>, request: HttpRequest) -> Result<Response, Failure> {
    transcribe(api, request, Dialect::OpenAi(Task::Transcribe)).await
}

/// Speech to English text.
pub async fn translations(State(api): State<Api>, request: HttpRequest) -> Result<Response, Failure> {
    transcribe(api, request, Dialect::OpenAi(Task::Translate)).await
}

/// whisper.cpp's endpoint for both.
pub async fn inference(State(api): State<Api>, request: HttpRequest) -> Result<Response, Failure> {
    transcribe(api, request, Dialect::WhisperCpp).await
}

async fn transcribe(api: Api, request: HttpRequest, dialect: Dialect) -> Result<Response, Failure> {
    let (headers, Held { bytes, permit }) = api.receive(request).await?;
    let mut form = Form::read(&headers, bytes, &[FILE]).await?;
    let file = form.file(FILE).ok_or_else(|| Failure::field(FILE, "is missing; it is the recording"))?;
    let asked = Asked::read(&api, &form, dialect)?;
    drop(form);
    let record = Record::default().with_audio(Sound::from_bytes(file.to_vec()));
    drop(file);
    if asked.stream {
        return stream(api, asked, record, permit).await;
    }
    let steps = vec![asked.options.clone().into()];
    let result = api.process_one(api.request(), permit, steps, record).await?;
    Ok(answer(transcript(&result)?, &result.warnings, &asked, dialect))
}

fn transcript(result: &RecordResult) -> Result<&Transcript, Failure> {
    result.transcript().map(|timed| timed.value).ok_or_else(|| Failure::invalid("there is no sound to transcribe"))
}

/// What a transcription sends as it runs.
enum Part {
    Delta(Bytes),
    End(Result<Bytes, Failure>),
}

/// The text segment by segment, while the rest is decoded. What fails before the first is an answer of its own.
async fn stream(
    api: Api,
    asked: Asked,
    record: Record,
    permit: Option<OwnedSemaphorePermit>,
) -> Result<Response, Failure> {
    let (send, mut parts) = mpsc::unbounded_channel();
    let (deltas, first) = (send.clone(), AtomicBool::new(true));
    let request = api.request().on_text(move |text| {
        // The deltas join to the text, which does not start with a space.
        let text = if first.swap(false, Ordering::Relaxed) { text.trim_start() } else { text };
        let delta = json!({"type": "transcript.text.delta", "delta": text});
        let _ = deltas.send(Part::Delta(json_event(&delta)));
    });
    let cancel = CancelOnDrop(request.clone());
    tokio::spawn(async move {
        let steps = vec![asked.options.clone().into()];
        let result = api.process_one(request, permit, steps, record).await;
        let _ = send.send(Part::End(result.and_then(|result| {
            let transcript = transcript(&result)?;
            let (text, usage) = (&transcript.text, usage(transcript));
            let mut done = json!({"type": "transcript.text.done", "text": text, "usage": usage});
            if let Some(logprobs) = logprobs(transcript, &asked) {
                done["logprobs"] = logprobs;
            }
            Ok(json_event(&done))
        })));
    });
    let ended = || Failure::invalid("the request ended without an answer");
    let first = match parts.recv().await.ok_or_else(ended)? {
        Part::Delta(event) => event,
        Part::End(event) => return Ok(events::all([event?, events::event(DONE)])),
    };
    let (forward, rest) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(part) = parts.recv().await {
            let (event, is_last) = match part {
                Part::Delta(event) => (event, false),
                Part::End(event) => (event.unwrap_or_else(|failure| json_event(&failure.json())), true),
            };
            if forward.send(event).is_err() {
                return;
            }
            if is_last {
                break;
            }
        }
        let _ = forward.send(events::event(DONE));
    });
    Ok(events::answer(first, rest, cancel))
}
