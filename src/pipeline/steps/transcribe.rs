//! `transcribe`: speech to text.

use std::time::Instant;

use super::{Context, StepKind, StepOutcome, Use, timed, transcribers};
use crate::config::TranscribeOptions;
use crate::error::Error;
use crate::media::audio::Recording;
use crate::models::capability::{Transcriber, VoiceDetector};
use crate::models::transcript::Transcript;
use crate::models::{Lease, Models};

/// The key of transcripts, which other steps read.
pub(in crate::pipeline) const TRANSCRIPT: &str = "transcript";

pub(super) struct Transcribe(TranscribeOptions);

impl StepKind for Transcribe {
    type Options = TranscribeOptions;
    type Value = Transcript;

    const KEY: &'static str = TRANSCRIPT;

    fn new(options: &TranscribeOptions) -> Result<Self, Error> {
        Ok(Transcribe(options.clone()))
    }

    fn uses(options: &TranscribeOptions) -> Vec<Use<'_>> {
        transcribers(options, true)
    }

    fn run(&self, context: &mut Context) -> StepOutcome<Transcript> {
        transcribe(context, &self.0)
    }
}

/// Transcribes the record's sound, if it has any.
pub(super) fn transcribe(context: &mut Context, options: &TranscribeOptions) -> StepOutcome<Transcript> {
    if !context.sources.has_audio() {
        return Ok(None);
    }
    let (whisper, vad) = transcriber(context.models, options, options.finds_speech(), "transcribe")?;
    whisper.prepare(options, vad.is_some())?;
    let Some(file) = context.sources.audio_file() else { return Ok(None) };
    let started = Instant::now();
    let vad = vad.as_deref();
    let mut value = whisper.transcribe(&Recording::from(file), vad, options, context.progress)?;
    let path = file.path().to_path_buf();
    context.sources.warn(&path, std::mem::take(&mut value.warnings));
    Ok(Some(timed(value, started, whisper.provider())))
}

/// The model that transcribes, and the one that detects speech.
type Ears = (Lease<dyn Transcriber>, Option<Lease<dyn VoiceDetector>>);

/// Leases the model that transcribes, and the voice activity detector if `vad` asks for it and the device has one.
pub(in crate::pipeline) fn transcriber(
    models: &Models,
    options: &TranscribeOptions,
    vad: bool,
    user: &'static str,
) -> Result<Ears, Error> {
    let detector = options.vad_model.as_deref();
    let has_detector = vad
        && match models.chosen::<dyn VoiceDetector>(detector, user) {
            Ok(_) => true,
            Err(Error::NoModel { .. }) => false,
            Err(error) => return Err(error),
        };
    let named = options.model.as_deref();
    Ok(match has_detector {
        true => {
            let (whisper, vad) = models.lease_two(named, detector, user)?;
            (whisper, Some(vad))
        }
        false => (models.lease(named, user)?, None),
    })
}
