//! An answer of the endpoint, with further attempts while it has not begun.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use super::Remote;
use super::body::body;
use super::client::{Failure, FailureKind};
use super::events::Ended;
use super::form::formed;
use crate::config::ReplyOptions;
use crate::engine::EngineError;
use crate::error::Error;
use crate::models::chat::{Prompt, Reply};
use crate::support::backoff::Backoff;
use crate::support::request::Request;

/// How often a waiting request checks whether it was cancelled.
const LOOK: Duration = Duration::from_millis(50);

/// The longest pause before another attempt.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// What the thread of a request sends.
enum Part {
    Text(String),
    End(Result<Ended, Failure>),
}

/// Why an attempt failed.
enum Failed {
    Stopped(Error),
    Endpoint(Failure),
}

impl Remote {
    /// Writes what follows `prompt`; see [`Chatter::chat`](crate::models::capability::Chatter::chat).
    pub(super) fn write(&self, prompt: Prompt, options: &ReplyOptions) -> Result<Reply, Error> {
        let request_error = |problem: String| Error::Request { model: self.name.clone(), problem };
        options.check().map_err(request_error)?;
        if options.alternatives > 0 {
            return Err(request_error("alternatives to tokens are not available from an endpoint".to_string()));
        }
        self.breaker.check().map_err(|why| self.error(why, true))?;
        let (path, body) = body(&self.name, prompt, options).map_err(|problem| Error::Input { problem })?;
        let started = Instant::now();
        let mut reply = Reply::default();
        let mut pauses = Backoff::default();
        let mut attempts = 0;
        let ended = loop {
            let failure = match self.attempt(path, &body, started, options.form.is_none(), &mut reply) {
                Ok(ended) => break ended,
                Err(Failed::Stopped(error)) => return Err(error),
                Err(Failed::Endpoint(failure)) => failure,
            };
            let begun = !reply.text.is_empty() && options.form.is_none();
            if !begun {
                reply.text.clear();
            }
            match failure.kind {
                FailureKind::Away { again: Some(pause) } if attempts < self.options.max_retries && !begun => {
                    attempts += 1;
                    let own = pauses.next_jittered();
                    log::debug!("{}: {}; attempt {} follows", self.name, failure.why, attempts + 1);
                    wait(pause.unwrap_or_default().max(own).min(LONGEST_PAUSE))?;
                }
                FailureKind::Away { .. } => {
                    self.breaker.failed(&failure.why);
                    // What was shown cannot be taken back, so nobody else answers in its place.
                    return Err(self.error(failure.why, !begun));
                }
                FailureKind::Refused => return Err(self.error(failure.why, false)),
            }
        };
        self.breaker.worked();
        reply.finish = ended.finish;
        (reply.prompt_tokens, reply.reused_tokens) = (ended.prompt_tokens, ended.reused_tokens);
        reply.written = ended.tokens;
        reply.rest = started.elapsed().saturating_sub(reply.first_token);
        reply.text = reply.text.trim().to_string();
        if let Some(form) = &options.form {
            reply.check_form(options)?;
            reply.text = formed(form, &reply.text).map_err(|problem| {
                self.error(format!("the answer does not have the required form: {problem}"), false)
            })?;
            // Not before it is known to have its form.
            Request::current().report_text(&reply.text);
        }
        Ok(reply)
    }

    /// One request; `report`s each piece of text to the current request. Its thread ends by itself if this request is stopped: at the next piece of text, or after the timeout.
    fn attempt(
        &self,
        path: &'static str,
        body: &[u8],
        started: Instant,
        report: bool,
        reply: &mut Reply,
    ) -> Result<Ended, Failed> {
        let request = Request::current();
        let (send, parts) = mpsc::channel();
        let (client, body) = (self.client.clone(), body.to_vec());
        let work = move || {
            let ended = client.post(path, &body, &mut |text| send.send(Part::Text(text.to_string())).is_ok());
            // Nobody may wait any more.
            let _ = send.send(Part::End(ended));
        };
        let away = |why: String| Failed::Endpoint(Failure { why, kind: FailureKind::Away { again: None } });
        let thread = thread::Builder::new().name("endpoint".to_string()).spawn(work);
        thread.map_err(|error| away(format!("no thread for the request: {error}")))?;
        loop {
            match parts.recv_timeout(LOOK) {
                Ok(Part::Text(text)) => {
                    if reply.text.is_empty() {
                        reply.first_token = started.elapsed();
                    }
                    reply.text.push_str(&text);
                    if report {
                        request.report_text(&text);
                    }
                }
                Ok(Part::End(ended)) => return ended.map_err(Failed::Endpoint),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Err(away("the request failed".to_string())),
            }
            request.check().map_err(|stopped| Failed::Stopped(EngineError::Stopped(stopped).into()))?;
        }
    }

    fn error(&self, problem: String, away: bool) -> Error {
        Error::Remote { model: self.name.clone(), endpoint: self.options.shown(), problem, away }
    }
}

/// Waits, unless the current request is stopped.
fn wait(pause: Duration) -> Result<(), Error> {
    let (request, until) = (Request::current(), Instant::now() + pause);
    while Instant::now() < until {
        request.check().map_err(EngineError::Stopped)?;
        thread::sleep(LOOK.min(pause));
    }
    Ok(())
}
