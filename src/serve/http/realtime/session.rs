//! One session: the client's events in, the transcription's events out.

use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::time::Duration;

use axum::Error;
use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use edgefuse::models::transcript::LiveEvent;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::client_events::{self, ClientEvent};
use super::hearing::{Heard, Hearing};
use super::server_events::{Names, error, event};
use super::settings::{Settings, Update};
use super::turns::Turns;
use crate::serve::Phase;
use crate::serve::http::Api;
use crate::serve::http::failure::Failure;
use crate::serve::utterance::Utterance;

/// Maximum number of bytes of the client's events that wait for a transcription to end. Beyond, the client is not read.
const MOST_WAITING: usize = 2 << 20;

/// Sound is passed to the transcription in pieces of this many bytes.
const PIECE: usize = 16 << 10;

/// Bytes per sample.
const WIDTH: usize = 2;

pub struct Session<'a> {
    api: &'a Api,
    socket: WebSocket,
    phases: watch::Receiver<Phase>,
    settings: Settings,
    names: Names,
    turns: Turns,
    /// The client's events that were received, but not handled yet.
    inbox: VecDeque<String>,
    inbox_bytes: usize,
    hearing: Option<Hearing>,
    /// Sound that the transcription has not accepted yet.
    rest: VecDeque<u8>,
    /// Sound that the client will commit, if the service does not find the ends of utterances.
    utterance: Option<Utterance>,
    /// Length of all sound so far, and of the sound before the last commit, in seconds.
    seconds: f64,
    committed: f64,
    /// The client committed, and has not received an item since.
    due: bool,
    /// The transcription failed, which was reported: sound is dropped until the client changes something.
    failed: bool,
    stopping: bool,
    last: Instant,
}

/// What happens next in a session.
enum Next {
    Message(Option<Result<Message, Error>>),
    Heard(Option<Heard>),
    /// The transcription accepts a piece; `false` if it ended.
    Room(bool),
    Draining,
    Idle,
}

impl<'a> Session<'a> {
    pub fn new(api: &'a Api, socket: WebSocket, settings: Settings, names: Names) -> Self {
        Session {
            api,
            socket,
            phases: api.phases.clone(),
            settings,
            names,
            turns: Turns::new(names),
            inbox: VecDeque::new(),
            inbox_bytes: 0,
            hearing: None,
            rest: VecDeque::new(),
            utterance: None,
            seconds: 0.0,
            committed: 0.0,
            due: false,
            failed: false,
            stopping: false,
            last: Instant::now(),
        }
    }

    /// Serves the client until it leaves, sends nothing for too long, or the service drains.
    ///
    /// # Errors
    /// [`io::Error`] if the client left or does not read.
    pub async fn run(mut self) -> io::Result<()> {
        self.send(self.names.session("created", self.settings.json(self.names))).await?;
        loop {
            if self.is_ready() {
                if let Some(text) = self.inbox.pop_front() {
                    self.inbox_bytes -= text.len();
                    self.handle(text).await?;
                    continue;
                }
                if self.stopping && self.hearing.is_none() {
                    return self.close(close_code::AWAY, "the service is stopping").await;
                }
            }
            match self.next().await {
                Next::Message(None | Some(Err(_)) | Some(Ok(Message::Close(_)))) => return Ok(()),
                Next::Message(Some(Ok(message))) => self.receive(message).await?,
                Next::Heard(Some(heard)) => self.hear(heard).await?,
                Next::Heard(None) => self.hearing = None,
                Next::Room(true) => {}
                Next::Room(false) => self.rest.clear(),
                Next::Draining => {
                    self.stopping = true;
                    self.inbox.clear();
                    self.inbox_bytes = 0;
                    self.end_sound();
                }
                Next::Idle => {
                    let failure = Failure::invalid("the session ends: no event arrived within the idle limit");
                    self.send(error(&failure, None)).await?;
                    return self.close(close_code::AWAY, "idle").await;
                }
            }
        }
    }

    /// Whether the client's next event can be handled: all sound was passed on, and no transcription is ending.
    fn is_ready(&self) -> bool {
        self.rest.is_empty() && self.hearing.as_ref().is_none_or(|hearing| hearing.sound.is_some())
    }

    async fn next(&mut self) -> Next {
        let idle = self.last + self.api.service.board().limits.live_idle;
        let (ready, full, draining) = (self.is_ready(), self.inbox_bytes >= MOST_WAITING, self.stopping);
        let Session { socket, hearing, rest, phases, .. } = self;
        let (heard, sound) = match hearing {
            Some(Hearing { heard, sound, .. }) => (Some(heard), sound.as_ref()),
            None => (None, None),
        };
        tokio::select! {
            biased;
            heard = next_heard(heard) => Next::Heard(heard),
            room = pass(sound, rest) => Next::Room(room),
            message = socket.recv(), if !full => Next::Message(message),
            _ = phases.changed(), if !draining => Next::Draining,
            () = sleep_until(idle), if ready && !draining => Next::Idle,
        }
    }

    async fn receive(&mut self, message: Message) -> io::Result<()> {
        match message {
            _ if self.stopping => Ok(()),
            Message::Text(text) => {
                self.last = Instant::now();
                self.inbox_bytes += text.len();
                self.inbox.push_back(text.as_str().to_string());
                Ok(())
            }
            Message::Binary(_) => {
                let failure = Failure::invalid("events are JSON in text messages; sound is base64 in them");
                self.send(error(&failure, None)).await
            }
            // Answered by the library.
            _ => Ok(()),
        }
    }

    /// Handles an event of the client. An invalid one changes nothing.
    async fn handle(&mut self, text: String) -> io::Result<()> {
        let handled = match client_events::read(&text) {
            Ok(ClientEvent::Update(_)) if self.hearing.is_some() => {
                // What was heard so far keeps its settings.
                self.end_sound();
                self.inbox_bytes += text.len();
                self.inbox.push_front(text);
                return Ok(());
            }
            Ok(ClientEvent::Update(update)) => self.update(*update),
            Ok(ClientEvent::Append(samples)) => self.append(&samples).map(|()| Vec::new()),
            Ok(ClientEvent::Commit) => self.commit(),
            Ok(ClientEvent::Clear) => Ok(self.clear()),
            Err(failure) => Err(failure),
        };
        match handled {
            Ok(events) => self.send_all(events).await,
            Err(failure) => self.send(error(&failure, client_events::id(&text).as_deref())).await,
        }
    }

    fn update(&mut self, update: Update) -> Result<Vec<Value>, Failure> {
        self.failed = false;
        if self.utterance.is_some() {
            return Err(Failure::invalid("commit or clear the sound before changing the session"));
        }
        self.settings = self.settings.with(self.api, update)?;
        Ok(vec![self.names.session("updated", self.settings.json(self.names))])
    }

    fn append(&mut self, samples: &[u8]) -> Result<(), Failure> {
        if !samples.len().is_multiple_of(WIDTH) {
            return Err(Failure::field("audio", "is not a whole number of 16-bit samples"));
        }
        let (board, format) = (self.api.service.board(), self.settings.format());
        if self.failed {
            return Ok(());
        }
        if self.settings.finds_turns() {
            if self.hearing.is_none() {
                self.turns.start(self.seconds);
                self.hearing = Some(Hearing::live(&self.api.service, self.settings.options(&board), format));
            }
            self.rest.extend(samples);
        } else {
            let utterance = self.utterance.get_or_insert_with(|| Utterance::new(format));
            let added = utterance.push(samples, board.limits.sound, &board);
            added.map_err(|problem| Failure::field("audio", problem))?;
        }
        self.seconds += (samples.len() / WIDTH) as f64 / f64::from(format.rate);
        Ok(())
    }

    fn commit(&mut self) -> Result<Vec<Value>, Failure> {
        self.failed = false;
        let empty = || {
            let message = "no sound was sent since the last commit";
            Failure::new(axum::http::StatusCode::BAD_REQUEST, "input_audio_buffer_commit_empty", message)
        };
        if self.settings.finds_turns() {
            if self.hearing.is_none() {
                return Err(empty());
            }
            self.due = true;
            self.end_sound();
            return Ok(Vec::new());
        }
        let utterance = self.utterance.take().filter(|utterance| !utterance.is_empty()).ok_or_else(empty)?;
        self.turns.start(self.committed);
        let options = self.settings.options(&self.api.service.board());
        self.hearing = Some(Hearing::whole(&self.api.service, options, utterance));
        Ok(self.turns.commit())
    }

    fn clear(&mut self) -> Vec<Value> {
        (self.hearing, self.utterance, self.failed) = (None, None, false);
        self.committed = self.seconds;
        self.turns.start(self.seconds);
        vec![event("input_audio_buffer.cleared", json!({}))]
    }

    /// Ends the sound of the transcription that runs, which then reports the rest of its text.
    fn end_sound(&mut self) {
        if let Some(hearing) = &mut self.hearing {
            hearing.sound = None;
        }
        self.rest.clear();
    }

    /// Handles what the transcription reports.
    async fn hear(&mut self, heard: Heard) -> io::Result<()> {
        let outcome = match heard {
            Heard::Event(heard) => {
                self.due &= !matches!(heard, LiveEvent::SpeechEnded { .. });
                let events = self.turns.take(heard);
                return self.send_all(events).await;
            }
            Heard::Text(text) => {
                let delta = self.turns.text(&text);
                return self.send_all(delta).await;
            }
            Heard::Ended(outcome) => outcome,
        };
        // The client could not do anything but wait for this.
        self.last = Instant::now();
        self.hearing = None;
        self.rest.clear();
        let seconds = self.seconds - std::mem::replace(&mut self.committed, self.seconds);
        let due = std::mem::take(&mut self.due);
        match outcome {
            Ok(Some(text)) => {
                let events = self.turns.complete(&text, seconds);
                self.send_all(events).await
            }
            // A commit is answered even if there was no speech.
            Ok(None) if due => {
                let mut events = self.turns.commit();
                events.extend(self.turns.complete("", seconds));
                self.send_all(events).await
            }
            Ok(None) => Ok(()),
            Err(failure) => match self.turns.fail(&failure) {
                Some(failed) => self.send(failed).await,
                None => {
                    self.failed = true;
                    self.send(error(&failure, None)).await
                }
            },
        }
    }

    async fn send_all(&mut self, events: impl IntoIterator<Item = Value>) -> io::Result<()> {
        for event in events {
            self.send(event).await?;
        }
        Ok(())
    }

    async fn send(&mut self, event: Value) -> io::Result<()> {
        self.write(Message::Text(event.to_string().into())).await
    }

    async fn close(&mut self, code: u16, reason: &'static str) -> io::Result<()> {
        self.write(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await
    }

    async fn write(&mut self, message: Message) -> io::Result<()> {
        let patience: Duration = self.api.service.board().limits.stall;
        match timeout(patience, self.socket.send(message)).await {
            Ok(sent) => sent.map_err(io::Error::other),
            Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read")),
        }
    }
}

async fn next_heard(heard: Option<&mut mpsc::UnboundedReceiver<Heard>>) -> Option<Heard> {
    match heard {
        Some(heard) => heard.recv().await,
        None => pending().await,
    }
}

/// Passes a piece of `rest` on as soon as there is room; `false` if the transcription ended.
async fn pass(sound: Option<&mpsc::Sender<Vec<u8>>>, rest: &mut VecDeque<u8>) -> bool {
    let (Some(sound), false) = (sound, rest.is_empty()) else { return pending().await };
    match sound.reserve().await {
        Ok(room) => {
            room.send(rest.drain(..rest.len().min(PIECE)).collect());
            true
        }
        Err(_) => false,
    }
}
