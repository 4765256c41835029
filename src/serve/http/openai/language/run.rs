//! Runs a language model for a client, at once or piece by piece.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Bytes;
use axum::http::StatusCode;
use axum::response::Response;
use edgefuse::config::ReplyOptions;
use edgefuse::models::capability::Chatter;
use edgefuse::models::chat::{Prompt, Reply};
use edgefuse::pipeline::{Conversed, Said, converse};
use edgefuse::request::Request;
use tokio::sync::mpsc;

use super::shape::{Kind, Shape, Spelled};
use crate::serve::http::events::{self, DONE, json_event};
use crate::serve::http::failure::Failure;
use crate::serve::http::{Api, response};
use crate::serve::service::CancelOnDrop;

/// What a client wants.
pub struct Asked {
    pub kind: Kind,
    /// The model's name as the client wrote it.
    pub shown: String,
    /// Its name under `models`.
    pub model: Option<String>,
    pub prompt: Given,
    pub options: ReplyOptions,
    pub logprobs: bool,
    pub stream: bool,
    pub stream_usage: bool,
}

/// What is continued.
pub enum Given {
    Messages(Vec<Said>),
    Text(String),
}

/// An answer, and the spelling of each of its tokens and their alternatives.
type Written = (Reply, Vec<Vec<Spelled>>);

/// Answers a client.
pub async fn answer(api: Api, asked: Asked) -> Result<Response, Failure> {
    let shape = Shape::new(&api, asked.kind, asked.shown.clone(), asked.logprobs);
    if asked.stream {
        return stream(api, asked, shape).await;
    }
    let (reply, spelled) = write(&api, api.request(), asked).await?;
    Ok(response::json(StatusCode::OK, &shape.whole(&reply, &spelled)))
}

/// Runs the model on a thread for inference.
async fn write(api: &Api, request: Request, asked: Asked) -> Result<Written, Failure> {
    let work = api.service.work(request, move |board| {
        let (models, named) = (&board.models, asked.model.as_deref());
        let mut warnings = Vec::new();
        let mut messages = Vec::new();
        let prompt = match &asked.prompt {
            Given::Messages(said) => {
                for said in said {
                    let (message, about) = said.message(models, named, "chat")?;
                    messages.push(message);
                    warnings.extend(about);
                }
                Prompt::Messages(&messages)
            }
            Given::Text(text) => Prompt::Text(text),
        };
        let Conversed { mut reply, .. } = converse(models, named, prompt, &asked.options, "chat")?;
        reply.warnings.splice(0..0, warnings);
        let mut spelled = Vec::new();
        if asked.logprobs && !reply.tokens.is_empty() {
            let model = models.lease::<dyn Chatter>(named, "chat")?;
            let spell = |id: i64| {
                let bytes = model.token_bytes(id);
                (String::from_utf8_lossy(&bytes).into_owned(), bytes)
            };
            let all = |token: &edgefuse::models::chat::WrittenToken| {
                [token.id].into_iter().chain(token.alternatives.iter().map(|(id, _)| *id)).map(spell).collect()
            };
            spelled.extend(reply.tokens.iter().map(all));
        }
        Ok((reply, spelled))
    });
    Ok(work.await?)
}

/// What a stream sends.
enum Part {
    Event(Bytes),
    End(Result<Vec<Bytes>, Failure>),
}

/// The answer piece by piece. What fails before the first is an answer of its own.
async fn stream(api: Api, asked: Asked, shape: Shape) -> Result<Response, Failure> {
    let shape = Arc::new(shape);
    let (send, mut parts) = mpsc::unbounded_channel();
    let (pieces, begun, shaped) = (send.clone(), AtomicBool::new(false), shape.clone());
    let request = api.request().on_text(move |text| {
        let first = !begun.load(Ordering::Relaxed);
        let text = if first { text.trim_start() } else { text };
        if text.is_empty() {
            return;
        }
        let opening = if first { shaped.first() } else { None };
        begun.store(true, Ordering::Relaxed);
        for event in opening.into_iter().chain([shaped.piece(text)]) {
            // The client may be gone.
            let _ = pieces.send(Part::Event(json_event(&event)));
        }
    });
    let cancel = CancelOnDrop(request.clone());
    let with_usage = asked.stream_usage;
    tokio::spawn(async move {
        let written = write(&api, request, asked).await.map(|(reply, spelled)| {
            let usage = with_usage.then(|| shape.usage(&reply));
            [shape.last(&reply, &spelled)].into_iter().chain(usage).map(|event| json_event(&event)).collect()
        });
        let _ = send.send(Part::End(written));
    });
    let ended = || Failure::invalid("the request ended without an answer");
    let first = match parts.recv().await.ok_or_else(ended)? {
        Part::Event(event) => event,
        Part::End(last) => return Ok(events::all(last?.into_iter().chain([events::event(DONE)]))),
    };
    let (forward, rest) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(part) = parts.recv().await {
            let (now, is_last) = match part {
                Part::Event(event) => (vec![event], false),
                Part::End(last) => (last.unwrap_or_else(|failure| vec![json_event(&failure.json())]), true),
            };
            if now.into_iter().any(|event| forward.send(event).is_err()) {
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
