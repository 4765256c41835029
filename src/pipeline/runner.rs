//! Runs the steps for one record after the other.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::builder::Builder;
use super::pictures::Pictures;
use super::record::Record;
use super::result::{RecordResult, StepResult};
use super::sources::Sources;
use super::step::{StepOutcome, kept, timed};
use crate::config::{AskOptions, Device, Question, Step, Timestamps, TranscribeOptions};
use crate::engine::Engine;
use crate::error::Error;
use crate::media::audio::Recording;
use crate::media::image::PixelConfig;
use crate::models::Models;
use crate::models::whisper::{OnProgress, Transcript};

/// Steps, and the models they need.
pub struct Pipeline {
    pub(super) models: Models,
    steps: Arc<[Step]>,
    pictures: Pictures,
}

impl Pipeline {
    /// Reads a device file and finds ONNX Runtime; the file's `pipeline` are the steps. Models are loaded when a step first
    /// needs them.
    ///
    /// # Errors
    /// [`Error::Config`] for a file that cannot be used; [`Error::Engine`] without a usable ONNX Runtime.
    pub fn from_device_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::of_device(Device::load(path.as_ref())?)
    }

    /// A pipeline without a device file.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// As [`Pipeline::from_device_file`], of a device that is read already.
    pub(super) fn of_device(device: Device) -> Result<Self, Error> {
        let engine = Arc::new(Engine::start(&device.runtime, &device.base)?);
        let steps = device.pipeline.clone();
        Self::new(Models::new(engine, device), steps)
    }

    /// Reads the lists of texts that the steps name; no model is loaded yet.
    ///
    /// # Errors
    /// [`Error::Config`] for a list that cannot be used.
    pub fn new(models: Models, steps: Vec<Step>) -> Result<Self, Error> {
        Ok(Pipeline { models, pictures: Pictures::new(&steps)?, steps: steps.into() })
    }

    /// Drops what is kept of the last picture for records that are about the same one.
    pub fn forget_picture(&mut self) {
        self.pictures.forget();
    }

    /// Takes every step that the record has the input for. What goes wrong with the record's own files stands in the
    /// result.
    ///
    /// # Errors
    /// Only what would fail for every record alike: a model or library that cannot be loaded, a request that the model
    /// cannot fulfil.
    pub fn process(&mut self, record: &Record, progress: &mut OnProgress) -> Result<RecordResult, Error> {
        let mut result = RecordResult::of(record);
        let ffmpeg = self.models.device().media.ffmpeg.clone();
        let mut sources = Sources::new(record, self.views(record), &ffmpeg);
        for step in self.steps.clone().iter() {
            match step {
                Step::Transcribe(options) => {
                    result.transcript = kept(self.transcribe(&mut sources, options, progress))?;
                }
                Step::Caption(options) => {
                    result.caption = kept(self.pictures.caption(&mut self.models, &mut sources, options))?;
                }
                Step::Ask(options) => {
                    let question = question(options, record, &result);
                    result.answer = kept(self.pictures.ask(&mut self.models, &mut sources, question, options))?;
                }
                Step::Match(options) => {
                    let text = spoken_or_written(record, &result);
                    result.matched = kept(self.pictures.compare(&mut self.models, &mut sources, text, options))?;
                }
                Step::Fuse(options) => {
                    let transcript = result.transcript.as_ref().and_then(StepResult::value);
                    let transcript = transcript.map(|transcript| transcript.text.clone());
                    result.fusion = kept(self.fuse(&mut sources, record, transcript, options, progress))?;
                }
            }
        }
        result.warnings = sources.into_warnings();
        result.precision = self.models.engine().chosen_precisions();
        result.warnings.extend(self.models.settle().into_iter().map(|warning| format!("{}: {warning}", result.id)));
        if self.models.device().runtime.report_placement {
            let placements = self.models.engine().placements().into_iter();
            result.placement = Some(placements.map(|(graph, it)| (graph, it.providers().to_vec())).collect());
        }
        Ok(result)
    }

    /// How the models of the steps want a picture's pixels; a model that cannot be read is its step's error.
    fn views(&mut self, record: &Record) -> Vec<PixelConfig> {
        let mut views = Vec::new();
        for step in self.steps.iter().filter(|_| record.image.is_some()) {
            let view = match step {
                Step::Transcribe(_) => continue,
                Step::Caption(_) | Step::Ask(_) | Step::Match(_) => self.models.blip_view("run"),
                Step::Fuse(_) => self.models.student_view("run"),
            };
            views.extend(view.ok().flatten().filter(|view| !views.contains(view)));
        }
        views
    }

    pub(super) fn transcribe(
        &mut self,
        sources: &mut Sources,
        options: &TranscribeOptions,
        progress: &mut OnProgress,
    ) -> StepOutcome<Transcript> {
        let Some(file) = sources.audio_file() else { return Ok(None) };
        let (whisper, vad) = self.models.whisper_and_vad(options.finds_speech(), "transcribe")?;
        whisper.check(options, vad.is_some())?;
        if options.timestamps == Timestamps::Word {
            whisper.prepare_words()?;
        }
        let started = Instant::now();
        let mut value = whisper.transcribe_channels(&Recording::from(file), vad, options, progress)?;
        let path = file.path().to_path_buf();
        sources.warn(&path, std::mem::take(&mut value.warnings));
        Ok(Some(timed(value, started, whisper.provider())))
    }
}

/// The question that `ask` puts, if the record has one.
fn question(options: &AskOptions, record: &Record, result: &RecordResult) -> Option<String> {
    match &options.question {
        Question::Fixed(question) => Some(question.clone()),
        Question::Text => record.text.clone(),
        Question::Transcript => transcript(result),
        Question::Any => spoken_or_written(record, result),
    }
}

/// The record's text, or without one the transcript of its sound.
fn spoken_or_written(record: &Record, result: &RecordResult) -> Option<String> {
    record.text.clone().or_else(|| transcript(result))
}

fn transcript(result: &RecordResult) -> Option<String> {
    result.transcript.as_ref().and_then(StepResult::value).map(|transcript| transcript.text.clone())
}
