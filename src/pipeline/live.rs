//! Live transcription, from bytes to events.

use std::io::Read;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use crate::config::TranscribeOptions;
use crate::error::Error;
use crate::media::audio::{AudioError, LiveReader};
use crate::models::Models;
use crate::models::capability::{Transcriber, VoiceDetector};
use crate::models::transcript::LiveEvent;

/// Maximum number of blocks of about 50 ms that wait while a text is decoded. When the queue is full, the writer of the
/// stream blocks, so nothing is lost.
const MOST_WAITING: usize = 600;

/// Maximum number of blocks processed together, so that events of earlier sound are emitted before more is read.
const MOST_TOGETHER: usize = 100;

/// Transcribes `stream`, WAV or raw samples as [`LiveReader`] accepts them, while it is being written. Errors call it
/// `name`; `emit` is called with every event as soon as it is known, and ends the transcription by returning `false`.
/// Memory does not grow with the stream.
///
/// # Errors
/// [`Error::NoModel`] without a model that detects speech, which decides where a text may end; [`Error::Input`] for a
/// stream that is not sound; and those of the models.
pub fn transcribe_live(
    models: &Models,
    stream: impl Read + Send + 'static,
    name: &str,
    options: &TranscribeOptions,
    emit: &mut dyn FnMut(LiveEvent) -> bool,
) -> Result<(), Error> {
    let unreadable = |source: AudioError| Error::Input { problem: format!("{name}: {source}") };
    let (named, detector) = (options.model.as_deref(), options.vad_model.as_deref());
    let (whisper, vad) = models.lease_two::<dyn Transcriber, dyn VoiceDetector>(named, detector, "transcribe -")?;
    let mut live = whisper.live(&*vad, options)?;
    let blocks = read(stream, name.to_string(), whisper.sample_rate());
    let mut samples = Vec::new();
    let mut outcome = Ok(());
    let mut said = false;
    let mut emit = |event: LiveEvent| {
        said |= matches!(event, LiveEvent::Final(_));
        emit(event)
    };
    while outcome.is_ok() {
        samples.clear();
        let Ok(first) = blocks.recv() else { break };
        let mut next = Ok(first);
        for _ in 0..MOST_TOGETHER {
            match next {
                Ok(Ok(block)) => samples.extend(block),
                Ok(Err(error)) => outcome = Err(unreadable(error)),
                Err(_) => break,
            }
            next = blocks.try_recv();
        }
        let caught_up = next.is_err();
        if !live.push(&samples, caught_up)?.into_iter().all(&mut emit) {
            return Ok(());
        }
    }
    // Speech before an error is still reported.
    let _ = live.finish()?.into_iter().all(&mut emit);
    if !said && outcome.is_ok() {
        log::warn!("{name}: {}", live.nothing_heard());
    }
    outcome
}

/// Reads `stream` on a separate thread, so that sound is received while a text is decoded. If reading fails, the error
/// is sent last.
fn read(stream: impl Read + Send + 'static, name: String, sample_rate: u32) -> Receiver<Result<Vec<f32>, AudioError>> {
    let (sender, receiver) = mpsc::sync_channel(MOST_WAITING);
    // Not joined, because it may wait for input that never arrives.
    thread::spawn(move || {
        let mut reader = match LiveReader::new(stream, sample_rate) {
            Ok(reader) => reader,
            Err(error) => {
                let _ = sender.send(Err(error));
                return;
            }
        };
        loop {
            let mut block = Vec::new();
            let sent = match reader.read(&mut block) {
                Ok(true) => sender.send(Ok(block)),
                Ok(false) => break,
                Err(error) => {
                    let _ = sender.send(Err(error));
                    break;
                }
            };
            // The receiver is gone.
            if sent.is_err() {
                break;
            }
        }
        reader.warnings().iter().for_each(|warning| log::warn!("{name}: {warning}"));
    });
    receiver
}
