//! One client: it describes, sends an utterance, and waits for the transcript.

use std::io;
use std::sync::Arc;

use edgefuse::config::{TranscribeOptions, WyomingLimits};
use edgefuse::request::{Priority, Request};
use serde_json::json;
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::event::{self, Event};
use super::info::info;
use crate::serve::Phase;
use crate::serve::pcm::Format;
use crate::serve::service::{Service, Trouble};
use crate::serve::utterance::Utterance;

/// Events that are buffered while an utterance is transcribed. When the buffer is full, reading stops.
const MOST_WAITING: usize = 32;

/// What a client has asked for so far.
#[derive(Default)]
struct Session {
    language: Option<String>,
    model: Option<String>,
    utterance: Option<Utterance>,
}

/// Serves a client until it disconnects, is idle for too long, or the service drains.
pub async fn run(
    stream: TcpStream,
    service: Arc<Service>,
    limits: WyomingLimits,
    mut phases: watch::Receiver<Phase>,
) -> io::Result<()> {
    let _ = stream.set_nodelay(true);
    let (reader, mut writer) = stream.into_split();
    let (send, mut events) = mpsc::channel::<io::Result<Event>>(MOST_WAITING);
    // A separate task, so that a disconnect is noticed while an utterance is transcribed. It ends with the channel or the
    // stream.
    let reading = tokio::spawn(async move {
        let mut reader = BufReader::new(reader);
        loop {
            let event = match timeout(limits.idle, event::read(&mut reader)).await {
                Ok(Ok(Some(event))) => Ok(event),
                Ok(Ok(None)) => return,
                Ok(Err(error)) => Err(error),
                Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "no event within the idle limit")),
            };
            let ends = event.is_err();
            if send.send(event).await.is_err() || ends {
                return;
            }
        }
    });
    let mut session = Session::default();
    let outcome = loop {
        let event = tokio::select! {
            event = events.recv() => event,
            // An utterance still being received is dropped; one being transcribed is answered first.
            _ = phases.changed() => break Ok(()),
        };
        match event {
            None => break Ok(()),
            Some(Ok(event)) => {
                if let Err(error) = session.take(event, &service, limits, &mut writer, &mut events).await {
                    break Err(error);
                }
            }
            Some(Err(error)) => {
                let text = error.to_string();
                let _ = event::write(&mut writer, "error", &json!({"text": text, "code": "protocol"})).await;
                break Err(error);
            }
        }
        if *phases.borrow() == Phase::Draining {
            break Ok(());
        }
    };
    reading.abort();
    outcome
}

impl Session {
    /// Handles an event. Unknown kinds are ignored, as the protocol requires.
    async fn take(
        &mut self,
        event: Event,
        service: &Arc<Service>,
        limits: WyomingLimits,
        writer: &mut OwnedWriteHalf,
        events: &mut mpsc::Receiver<io::Result<Event>>,
    ) -> io::Result<()> {
        match event.kind.as_str() {
            "describe" => {
                let board = service.board();
                // Off the protocol threads, because it reads the models' folders.
                let info = tokio::task::spawn_blocking(move || info(&board)).await.map_err(io::Error::other)?;
                event::write(writer, "info", &info).await
            }
            "ping" => event::write(writer, "pong", &json!({"text": event.text("text")})).await,
            "transcribe" => {
                self.language = event.text("language").map(str::to_string);
                self.model = event.text("name").map(str::to_string);
                Ok(())
            }
            "audio-start" => match format(&event) {
                Ok(format) => {
                    self.utterance = Some(Utterance::new(format));
                    Ok(())
                }
                Err(problem) => refuse(writer, &format!("audio-start: {problem}"), "format").await,
            },
            "audio-chunk" => {
                let Some(utterance) = &mut self.utterance else { return Ok(()) };
                let added = same_format(&event, utterance.format())
                    .and_then(|()| utterance.push(&event.payload, limits.sound, &service.board()));
                match added {
                    Ok(()) => Ok(()),
                    Err(problem) => {
                        self.utterance = None;
                        refuse(writer, &format!("audio-chunk: {problem}"), "limit").await
                    }
                }
            }
            "audio-stop" => {
                let Some(utterance) = self.utterance.take() else { return Ok(()) };
                self.transcribe(utterance, service, limits, writer, events).await
            }
            _ => Ok(()),
        }
    }

    /// Transcribes an utterance, and sends each part of the text once it is final.
    async fn transcribe(
        &self,
        utterance: Utterance,
        service: &Arc<Service>,
        limits: WyomingLimits,
        writer: &mut OwnedWriteHalf,
        events: &mut mpsc::Receiver<io::Result<Event>>,
    ) -> io::Result<()> {
        let language = self.language.as_deref();
        if utterance.is_empty() {
            return finish(writer, "", language).await;
        }
        let mut options = service.board().device().options::<TranscribeOptions>();
        // Clients that leave the choice to the service send no name, or a name from another service.
        if let Some(model) = self.model.as_ref().filter(|name| service.board().device().models.contains_key(*name)) {
            options.model = Some(model.clone());
        }
        options.language = self.language.clone().or(options.language).or_else(|| Some("auto".to_string()));
        let (send, mut texts) = mpsc::unbounded_channel::<String>();
        let request = Request::new(Priority::Live)
            .with_timeout(limits.work_time)
            .on_text(move |text| drop(send.send(text.to_string())));
        let request = service.metrics.observe(request);
        let work = utterance.transcribe(service, request, options);
        tokio::pin!(work);
        event::write(writer, "transcript-start", &json!({"language": language})).await?;
        let mut waiting = Vec::new();
        let mut first = true;
        let result = loop {
            tokio::select! {
                biased;
                Some(text) = texts.recv() => {
                    let text = if first { text.trim_start() } else { &text };
                    first = false;
                    event::write(writer, "transcript-chunk", &json!({"text": text})).await?;
                }
                result = &mut work => break result,
                event = events.recv(), if waiting.len() < MOST_WAITING => match event {
                    // The client disconnected: dropping the work cancels it.
                    None | Some(Err(_)) => return Ok(()),
                    Some(Ok(event)) => waiting.push(event),
                },
            }
        };
        while let Ok(text) = texts.try_recv() {
            let text = if first { text.trim_start() } else { &text };
            first = false;
            event::write(writer, "transcript-chunk", &json!({"text": text})).await?;
        }
        match result {
            Ok(result) => match (result.transcript(), result.errors().first()) {
                (Some(timed), _) => {
                    service.metrics.utterance();
                    let language = timed.value.language.as_deref().or(language);
                    finish(writer, &timed.value.text, language).await?;
                }
                (None, problem) => refuse(writer, problem.copied().unwrap_or("no transcript"), "input").await?,
            },
            Err(trouble) => {
                let (code, text) = match &trouble {
                    Trouble::Library(error) => ("failed", error.to_string()),
                    Trouble::Full => ("overloaded", "the queue of requests is full".to_string()),
                    Trouble::Stopping => ("stopping", "the service is stopping".to_string()),
                    Trouble::Panicked => ("failed", "the work failed".to_string()),
                };
                log::warn!("wyoming: {text}");
                refuse(writer, &text, code).await?;
            }
        }
        // Only one utterance at a time: the client should have waited for the transcript.
        match waiting.is_empty() {
            true => Ok(()),
            false => refuse(writer, "wait for the transcript before the next utterance", "order").await,
        }
    }
}

/// The format that an event states.
fn format(event: &Event) -> Result<Format, String> {
    let number = |key: &str, least: u32, most: u32| {
        let found = event.number(key).filter(|found| (least..=most).contains(found));
        found.ok_or_else(|| format!("`{key}` must be a whole number within {least} to {most}"))
    };
    let (rate, width, channels) = (number("rate", 1_000, 384_000)?, number("width", 1, 4)?, number("channels", 1, 8)?);
    Ok(Format { rate, width: width as u16, channels: channels as u16 })
}

/// A chunk states its format, too.
fn same_format(chunk: &Event, expected: Format) -> Result<(), String> {
    match chunk.number("rate").is_none() || format(chunk)? == expected {
        true => Ok(()),
        false => Err("the format differs from that of audio-start".to_string()),
    }
}

/// The whole text, for clients with and without streaming.
async fn finish(writer: &mut OwnedWriteHalf, text: &str, language: Option<&str>) -> io::Result<()> {
    event::write(writer, "transcript", &json!({"text": text, "language": language})).await?;
    event::write(writer, "transcript-stop", &json!({})).await
}

async fn refuse(writer: &mut OwnedWriteHalf, problem: &str, code: &str) -> io::Result<()> {
    event::write(writer, "error", &json!({"text": problem, "code": code})).await
}
