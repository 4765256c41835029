//! The transcription that runs beside a session.

use std::io::{self, Cursor, Read};
use std::sync::Arc;

use edgefuse::config::TranscribeOptions;
use edgefuse::models::transcript::LiveEvent;
use edgefuse::pipeline::transcribe_live;
use edgefuse::request::{Priority, Request};
use tokio::sync::mpsc;

use crate::serve::http::failure::Failure;
use crate::serve::pcm::Format;
use crate::serve::service::{CancelOnDrop, Service};
use crate::serve::utterance::Utterance;

/// Maximum number of pieces that wait for the transcription. When the queue is full, the client is not read.
const MOST_WAITING: usize = 8;

/// What a transcription reports.
pub enum Heard {
    /// An event of live sound.
    Event(LiveEvent),
    /// The next settled text of a committed utterance.
    Text(String),
    /// The end, with the whole text of a committed utterance.
    Ended(Result<Option<String>, Failure>),
}

/// A running transcription; dropped, it is cancelled.
pub struct Hearing {
    /// Accepts the next samples; dropped, the sound ends.
    pub sound: Option<mpsc::Sender<Vec<u8>>>,
    pub heard: mpsc::UnboundedReceiver<Heard>,
    _cancel: CancelOnDrop,
}

impl Hearing {
    /// Transcribes sound as it arrives.
    pub fn live(service: &Arc<Service>, options: TranscribeOptions, format: Format) -> Self {
        let (sound, pieces) = mpsc::channel(MOST_WAITING);
        let (send, heard) = mpsc::unbounded_channel();
        let request = service.metrics.observe(Request::new(Priority::Live));
        let cancel = CancelOnDrop(request.clone());
        let service = service.clone();
        tokio::spawn(async move {
            let events = send.clone();
            let stream = Stream { piece: Cursor::new(format.wav_header(u32::MAX).to_vec()), pieces };
            let work = service.live(request, move |board| {
                let mut emit = |event| events.send(Heard::Event(event)).is_ok();
                transcribe_live(&board.models, stream, "live sound", &options, &mut emit)
            });
            let _ = send.send(Heard::Ended(work.await.map(|()| None).map_err(Failure::from)));
        });
        Hearing { sound: Some(sound), heard, _cancel: cancel }
    }

    /// Transcribes an utterance that is complete.
    pub fn whole(service: &Arc<Service>, options: TranscribeOptions, utterance: Utterance) -> Self {
        let (send, heard) = mpsc::unbounded_channel();
        let (texts, work_time) = (send.clone(), service.board().limits.work_time);
        let request = Request::new(Priority::Live)
            .with_timeout(work_time)
            .on_text(move |text| drop(texts.send(Heard::Text(text.to_string()))));
        let request = service.metrics.observe(request);
        let cancel = CancelOnDrop(request.clone());
        let service = service.clone();
        tokio::spawn(async move {
            let outcome = match utterance.transcribe(&service, request, options).await {
                Ok(result) => match (result.transcript(), result.errors().first()) {
                    (Some(timed), _) => Ok(Some(timed.value.text.clone())),
                    (None, problem) => Err(Failure::invalid(problem.copied().unwrap_or("no transcript"))),
                },
                Err(trouble) => Err(trouble.into()),
            };
            let _ = send.send(Heard::Ended(outcome));
        });
        Hearing { sound: None, heard, _cancel: cancel }
    }
}

/// The pieces of a stream as one stream of bytes.
struct Stream {
    piece: Cursor<Vec<u8>>,
    pieces: mpsc::Receiver<Vec<u8>>,
}

impl Read for Stream {
    /// Waits for the next piece, which must not be done on a thread of the runtime.
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.piece.read(bytes)?;
            if count > 0 || bytes.is_empty() {
                return Ok(count);
            }
            match self.pieces.blocking_recv() {
                Some(piece) => self.piece = Cursor::new(piece),
                None => return Ok(0),
            }
        }
    }
}
