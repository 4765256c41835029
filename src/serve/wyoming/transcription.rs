//! The transcription of an utterance, and what its client may send meanwhile.

use std::io;
use std::sync::Arc;

use edgefuse::RecordResult;
use edgefuse::config::TranscribeOptions;
use edgefuse::request::{Priority, Request};
use serde_json::json;
use tokio::sync::mpsc;

use super::session::{Flow, Session};
use crate::serve::board::Board;
use crate::serve::service::Trouble;
use crate::serve::speech_models::choose;
use crate::serve::utterance::Utterance;

impl Session {
    /// Transcribes an utterance, and sends each part of the text once it is final.
    pub async fn transcribe(&mut self, utterance: Utterance) -> io::Result<Flow> {
        let (service, language, model) = (self.service.clone(), self.language.clone(), self.model.clone());
        let (board, wanted) = (service.board(), language.clone());
        // Off the protocol threads, because it reads the models' folders.
        let options = tokio::task::spawn_blocking(move || options(&board, wanted, model.as_deref()));
        let options = options.await.map_err(io::Error::other)?;
        let (send, mut texts) = mpsc::unbounded_channel::<String>();
        let request = Request::new(Priority::Live)
            .with_timeout(self.limits.work_time)
            .on_text(move |text| drop(send.send(text.to_string())));
        let request = service.metrics.observe(request);
        let work = utterance.transcribe(&service, request, options);
        tokio::pin!(work);
        self.write("transcript-start", &json!({"language": language})).await?;
        let (mut first, mut early) = (true, false);
        let result = loop {
            tokio::select! {
                biased;
                Some(text) = texts.recv() => self.part(&text, &mut first).await?,
                result = &mut work => break result,
                event = self.events.recv() => match event {
                    // The client disconnected: dropping the work cancels it.
                    None => return Ok(Flow::Break(())),
                    Some(Err(error)) => return self.refuse(&error.to_string(), "protocol").await,
                    Some(Ok(event)) if event.kind == "audio-start" => early = true,
                    Some(Ok(event)) => self.answer(&event).await?,
                },
            }
        };
        while let Ok(text) = texts.try_recv() {
            self.part(&text, &mut first).await?;
        }
        match self.conclude(result, language).await? {
            // Only one utterance at a time: the client should have waited for the transcript.
            Flow::Continue(()) if early => {
                self.refuse("wait for the transcript before the next utterance", "order").await
            }
            flow => Ok(flow),
        }
    }

    /// The next part of the text. The parts join to the text, which does not start with a space.
    async fn part(&mut self, text: &str, first: &mut bool) -> io::Result<()> {
        let text = if std::mem::take(first) { text.trim_start() } else { text };
        self.write("transcript-chunk", &json!({"text": text})).await
    }

    async fn conclude(&mut self, result: Result<RecordResult, Trouble>, language: Option<String>) -> io::Result<Flow> {
        let trouble = match result {
            Ok(result) => match (result.transcript(), result.errors().first()) {
                (Some(timed), _) => {
                    self.service.metrics.utterance();
                    return self.finish(&timed.value.text, timed.value.language.clone().or(language)).await;
                }
                (None, problem) => return self.refuse(problem.copied().unwrap_or("no transcript"), "input").await,
            },
            Err(trouble) => trouble,
        };
        let (code, text) = match trouble {
            Trouble::Library(error) => ("failed", error.to_string()),
            Trouble::Full => ("overloaded", "the queue of requests is full".to_string()),
            Trouble::Stopping => ("stopping", "the service is stopping".to_string()),
            Trouble::Panicked => ("failed", "the work failed".to_string()),
        };
        log::warn!("wyoming: {text}");
        self.refuse(&text, code).await
    }
}

/// The options of an utterance: those of the device file, with the client's language and model.
fn options(board: &Arc<Board>, language: Option<String>, model: Option<&str>) -> TranscribeOptions {
    let device = board.device();
    let mut options = device.options::<TranscribeOptions>();
    let language = language.or(options.language);
    options.model = choose(device, model, options.model, language.as_deref());
    options.language = language.or_else(|| Some("auto".to_string()));
    options
}
