//! Context of a step.

use crate::config::{Device, TranscribeOptions};
use crate::models::Models;
use crate::models::capability::OnProgress;
use crate::models::transcript::Transcript;
use crate::pipeline::outcome::Outcomes;
use crate::pipeline::record::Record;
use crate::pipeline::sources::Sources;

use super::{Seen, TRANSCRIPT};

/// A record that is being processed.
pub(in crate::pipeline) struct Context<'a, 'r, 'p> {
    pub models: &'a Models,
    pub record: &'r Record,
    /// The record's files.
    pub sources: &'a mut Sources<'r>,
    /// The results of the previous steps.
    pub done: &'a Outcomes,
    /// Cache of the last encoded pictures.
    pub seen: &'a Seen,
    pub progress: &'a mut OnProgress<'p>,
}

impl Context<'_, '_, '_> {
    pub fn device(&self) -> &Device {
        self.models.device()
    }

    /// The options of the device's `transcribe` step, for steps that need a transcript.
    pub fn transcribe_options(&self) -> TranscribeOptions {
        self.device().options()
    }

    /// The transcript of a previous step.
    pub fn transcript(&self) -> Option<&Transcript> {
        self.done.get(TRANSCRIPT).map(|timed| timed.value)
    }

    /// The record's text, or else the transcript of its sound.
    pub fn spoken_or_written(&self) -> Option<String> {
        self.record.text.clone().or_else(|| self.transcript().map(|transcript| transcript.text.clone()))
    }
}
