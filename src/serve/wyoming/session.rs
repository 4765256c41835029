//! One client: it describes, sends an utterance, and waits for the transcript.

use std::io;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use edgefuse::config::WyomingLimits;
use serde_json::{Value, json};
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::event::{self, CHUNK, Event};
use super::info::info;
use crate::serve::Phase;
use crate::serve::pcm::Format;
use crate::serve::service::Service;
use crate::serve::utterance::Utterance;

/// Events that wait to be handled. When there are as many, the client is not read: each may have a megabyte of sound.
const MOST_WAITING: usize = 2;

/// Time for a client to read the last event and close its side.
const LINGER: Duration = Duration::from_secs(1);

/// Whether the connection goes on.
pub type Flow = ControlFlow<()>;

/// A connection, and what its client has asked for so far.
pub struct Session {
    pub service: Arc<Service>,
    pub limits: WyomingLimits,
    writer: OwnedWriteHalf,
    pub events: mpsc::Receiver<io::Result<Event>>,
    pub language: Option<String>,
    pub model: Option<String>,
    utterance: Option<Utterance>,
}

/// Serves a client until it disconnects, is idle for too long, is refused something, or the service drains.
pub async fn run(stream: TcpStream, service: Arc<Service>, mut phases: watch::Receiver<Phase>) -> io::Result<()> {
    let _ = stream.set_nodelay(true);
    let (reader, writer) = stream.into_split();
    let (send, events) = mpsc::channel(MOST_WAITING);
    // A separate task, so that a disconnect is noticed while an utterance is transcribed. It ends with the channel or the
    // stream.
    let reading = tokio::spawn(async move {
        let mut reader = BufReader::new(reader);
        while let Some(event) = event::read(&mut reader).await.transpose() {
            let ends = event.is_err();
            if send.send(event).await.is_err() || ends {
                return;
            }
        }
    });
    let limits = service.board().wyoming;
    let (language, model, utterance) = (None, None, None);
    let mut session = Session { service, limits, writer, events, language, model, utterance };
    let outcome = session.serve(&mut phases).await;
    reading.abort();
    outcome
}

impl Session {
    async fn serve(&mut self, phases: &mut watch::Receiver<Phase>) -> io::Result<()> {
        loop {
            let event = tokio::select! {
                // Here and not where it is read: a client that waits for its transcript is not idle.
                event = timeout(self.limits.idle, self.events.recv()) => event,
                // An utterance still being received is dropped; one being transcribed is answered first.
                _ = phases.changed() => return Ok(()),
            };
            let flow = match event {
                Ok(Some(Ok(event))) => self.take(event).await?,
                Ok(Some(Err(error))) => self.refuse(&error.to_string(), "protocol").await?,
                Ok(None) => return Ok(()),
                Err(_) => self.refuse("no event arrived within the idle limit", "protocol").await?,
            };
            if flow.is_break() {
                return self.end().await;
            }
            if *phases.borrow() == Phase::Draining {
                return Ok(());
            }
        }
    }

    /// Handles an event while no utterance is transcribed.
    async fn take(&mut self, event: Event) -> io::Result<Flow> {
        match event.kind.as_str() {
            "audio-start" => match format(&event) {
                Ok(format) => self.utterance = Some(Utterance::new(format)),
                Err(problem) => return self.refuse(&format!("audio-start: {problem}"), "format").await,
            },
            CHUNK => return self.hear(&event).await,
            "audio-stop" => {
                let utterance = self.utterance.take().filter(|utterance| !utterance.is_empty());
                let Some(utterance) = utterance else { return self.finish("", self.language.clone()).await };
                return self.transcribe(utterance).await;
            }
            _ => self.answer(&event).await?,
        }
        Ok(Flow::Continue(()))
    }

    /// Adds a chunk to the utterance. Some clients do without `audio-start`: a chunk states its format, too.
    async fn hear(&mut self, chunk: &Event) -> io::Result<Flow> {
        let format = match (&self.utterance, chunk.number("rate")) {
            (Some(utterance), None) => Ok(utterance.format()),
            _ => format(chunk),
        };
        let format = match format {
            Ok(format) => format,
            Err(problem) => return self.refuse(&format!("{CHUNK}: {problem}"), "format").await,
        };
        let utterance = self.utterance.get_or_insert_with(|| Utterance::new(format));
        if utterance.format() != format {
            return self.refuse(&format!("{CHUNK}: the format differs from that of audio-start"), "format").await;
        }
        match utterance.push(&chunk.payload, self.limits.sound, &self.service.board()) {
            Ok(()) => Ok(Flow::Continue(())),
            Err(problem) => self.refuse(&format!("{CHUNK}: {problem}"), "limit").await,
        }
    }

    /// Handles an event that may come at any time, also while an utterance is transcribed. Unknown kinds are ignored, as
    /// the protocol requires.
    pub async fn answer(&mut self, event: &Event) -> io::Result<()> {
        match event.kind.as_str() {
            "describe" => {
                let board = self.service.board();
                // Off the protocol threads, because it reads the models' folders.
                let info = tokio::task::spawn_blocking(move || info(&board)).await.map_err(io::Error::other)?;
                self.write("info", &info).await
            }
            "ping" => self.write("pong", &json!({"text": event.text("text")})).await,
            "transcribe" => {
                self.language = event.text("language").map(str::to_string);
                self.model = event.text("name").map(str::to_string);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The whole text, for clients with and without streaming.
    pub async fn finish(&mut self, text: &str, language: Option<String>) -> io::Result<Flow> {
        self.write("transcript", &json!({"text": text, "language": language})).await?;
        self.write("transcript-stop", &json!({})).await?;
        Ok(Flow::Continue(()))
    }

    /// Reports what cannot be done. The connection ends: Home Assistant ignores the event, and waits for a transcript or
    /// the end.
    pub async fn refuse(&mut self, problem: &str, code: &str) -> io::Result<Flow> {
        self.write("error", &json!({"text": problem, "code": code})).await?;
        Ok(Flow::Break(()))
    }

    /// Writes an event. A client that does not read is as idle as one that does not write.
    pub async fn write(&mut self, kind: &str, data: &Value) -> io::Result<()> {
        let written = timeout(self.limits.idle, event::write(&mut self.writer, kind, data)).await;
        written.unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read")))
    }

    /// Ends the connection so that the client gets the last event: closing it while the client still sends would reset it.
    async fn end(&mut self) -> io::Result<()> {
        self.utterance = None;
        self.writer.shutdown().await?;
        let _ = timeout(LINGER, async { while self.events.recv().await.is_some() {} }).await;
        Ok(())
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
