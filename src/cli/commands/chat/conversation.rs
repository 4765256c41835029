//! A conversation on standard output: each answer appears while it is written.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use edgefuse::config::{ChatOptions, ReplyOptions};
use edgefuse::error::Error;
use edgefuse::models::Models;
use edgefuse::models::chat::{Message, Prompt, Reply};
use edgefuse::pipeline::{Conversed, ReplyText, Said, converse};
use edgefuse::request::{Priority, Request};
use serde::Serialize;

use crate::cli::args::{Format, Global};
use crate::cli::{Outcome, Stop, say};

/// The messages so far.
pub(super) struct Conversation<'a> {
    global: &'a Global,
    models: &'a Models,
    options: &'a ChatOptions,
    reply: &'a ReplyOptions,
    messages: Vec<Message>,
}

/// An answer as a line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    message: &'a str,
    #[serde(flatten)]
    reply: ReplyText,
    ms: f64,
    provider: &'static str,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: &'a [String],
}

/// Writes the pieces of an answer, and remembers an error.
#[derive(Default)]
struct Screen {
    /// Whether something was written.
    begun: bool,
    failed: Option<io::Error>,
}

impl<'a> Conversation<'a> {
    pub fn new(global: &'a Global, models: &'a Models, options: &'a ChatOptions, reply: &'a ReplyOptions) -> Self {
        let system = options.system.iter().map(|text| Message::new("system", text));
        Conversation { global, models, options, reply, messages: system.collect() }
    }

    /// Sends a message and prints the answer. A message that the model does not accept, or whose picture or sound cannot be
    /// used, is reported and left out.
    ///
    /// # Errors
    /// Errors that concern every message, and output that cannot be written.
    pub fn say(&mut self, said: &Said) -> Result<Outcome, Stop> {
        let message = match said.message(self.models, self.options.model.as_deref(), "chat") {
            Ok((message, warnings)) => {
                warnings.iter().for_each(|warning| log::warn!("{warning}"));
                message
            }
            Err(error) if error.is_about_input() => {
                say(&format!("error: {error}"));
                return Ok(Outcome::SomeFailed);
            }
            Err(error) => return Err(error.into()),
        };
        let text = message.content.clone();
        self.messages.push(message);
        let started = Instant::now();
        let screen = Arc::new(Mutex::new(Screen::default()));
        let mut request = Request::new(Priority::Interactive);
        if self.global.format == Format::Text {
            let (screen, cancel) = (screen.clone(), request.clone());
            request = request.on_text(move |piece| {
                if !screen.lock().unwrap_or_else(PoisonError::into_inner).show(piece) {
                    cancel.cancel();
                }
            });
        }
        let found = request.run(|| self.answer());
        let mut screen = screen.lock().unwrap_or_else(PoisonError::into_inner);
        if found.is_err() {
            screen.break_off();
        }
        if let Some(error) = screen.failed.take() {
            return Err(Stop::Output(error));
        }
        match found {
            Ok(Conversed { reply, provider, .. }) => {
                self.print(&text, &reply, started, provider).map_err(Stop::Output)?;
                self.messages.push(Message::new("assistant", reply.text));
                Ok(Outcome::Done)
            }
            Err(error) if error.is_about_input() => {
                say(&format!("error: {error}"));
                self.messages.pop();
                Ok(Outcome::SomeFailed)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn answer(&self) -> Result<Conversed, Error> {
        let prompt = Prompt::Messages(&self.messages);
        let conversed = converse(self.models, self.options.model.as_deref(), prompt, self.reply, "chat")?;
        conversed.reply.check_form(self.reply)?;
        Ok(conversed)
    }

    /// Ends the answer on the screen, or prints its line of JSON.
    fn print(&self, message: &str, reply: &Reply, started: Instant, provider: &'static str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let text = ReplyText::from(reply);
        if self.global.format == Format::Json {
            let ms = (started.elapsed().as_secs_f64() * 1e4).round() / 10.0;
            let line = Line { message, reply: text, ms, provider, warnings: &reply.warnings };
            writeln!(out, "{}", serde_json::to_string(&line)?)?;
            return out.flush();
        }
        writeln!(out)?;
        out.flush()?;
        drop(out);
        reply.warnings.iter().for_each(|warning| log::warn!("{warning}"));
        if !self.global.quiet {
            let rate = text.tokens_per_second.map(|rate| format!(", {rate} tokens/s")).unwrap_or_default();
            say(&format!("  [{} tokens, the first after {} ms{rate} on {provider}]", text.tokens, text.first_token_ms));
        }
        Ok(())
    }
}

impl Screen {
    /// Writes a piece, the first one without space before it; returns whether that worked.
    fn show(&mut self, piece: &str) -> bool {
        let piece = if self.begun { piece } else { piece.trim_start() };
        self.begun |= !piece.is_empty();
        let mut out = io::stdout().lock();
        self.failed = out.write_all(piece.as_bytes()).and_then(|()| out.flush()).err();
        self.failed.is_none()
    }

    /// Ends the line of an answer that is not complete, before its error.
    fn break_off(&mut self) {
        if self.begun && self.failed.is_none() {
            self.failed = writeln!(io::stdout()).err();
        }
    }
}
