//! Runs the steps on records.

use std::path::Path;
use std::sync::Arc;

use super::record::Record;
use super::result::RecordResult;
use super::sources::Sources;
use super::steps::{self, Context, Runner, Seen};
use crate::config::{Device, Step};
use crate::engine::Engine;
use crate::error::Error;
use crate::media::image::PixelConfig;
use crate::models::Models;
use crate::models::capability::OnProgress;

/// Steps and the models that they need. Several threads may share one pipeline.
pub struct Pipeline {
    models: Models,
    steps: Vec<Box<dyn Runner>>,
    seen: Seen,
}

/// Forgets pictures in memory when dropped.
struct ForgetMemory<'a>(&'a Seen);

impl Drop for ForgetMemory<'_> {
    fn drop(&mut self) {
        self.0.forget_memory();
    }
}

impl Pipeline {
    /// Reads a device file and locates ONNX Runtime; the steps are those of the file's `pipeline`. Models are loaded
    /// when a step first needs them.
    ///
    /// # Errors
    /// [`Error::Config`] for a file that cannot be used; [`Error::Engine`] without a usable ONNX Runtime.
    pub fn from_device_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::of_device(Device::load(path.as_ref())?)
    }

    /// As [`Pipeline::from_device_file`], for a device that was read before.
    pub(super) fn of_device(device: Device) -> Result<Self, Error> {
        let engine = Arc::new(Engine::start(&device.runtime, &device.base)?);
        let steps = device.pipeline.clone();
        Self::new(Models::new(engine, device), &steps)
    }

    /// A pipeline on `models`, which other pipelines may share. Reads the lists of texts that the steps name; no model
    /// is loaded yet.
    ///
    /// # Errors
    /// [`Error::Config`] for a list that cannot be used.
    pub fn new(models: Models, steps: &[Step]) -> Result<Self, Error> {
        let steps = steps.iter().map(steps::runner).collect::<Result<_, _>>()?;
        Ok(Pipeline { models, steps, seen: Seen::default() })
    }

    /// The models.
    pub fn models(&self) -> &Models {
        &self.models
    }

    /// Drops the cached encodings of the last pictures.
    pub fn forget_pictures(&self) {
        self.seen.forget();
    }

    /// Runs every step that the record has the input for. Problems with the record's own files are part of the result.
    /// The [`Request`](crate::request::Request) of the current thread sets the priority, and can stop it.
    ///
    /// # Errors
    /// Only errors that would occur for every record: a model or library that cannot be loaded, a request that the
    /// model cannot fulfil; and [`Error::Overloaded`] or
    /// [`EngineError::Stopped`](crate::engine::EngineError::Stopped) for a request that is not admitted or not
    /// finished.
    pub fn process(&self, record: &Record, progress: &mut OnProgress) -> Result<RecordResult, Error> {
        let _admitted = self.models.admit()?;
        self.process_admitted(record, progress)
    }

    /// As [`Pipeline::process`], within a request that was admitted.
    pub(super) fn process_admitted(&self, record: &Record, progress: &mut OnProgress) -> Result<RecordResult, Error> {
        let _forget = ForgetMemory(&self.seen);
        let mut result = RecordResult::of(record);
        let device = self.models.device();
        let mut sources = match Sources::new(record, self.views(record), &device.media) {
            Ok(sources) => sources,
            Err(error) if error.is_about_input() => {
                result.error = Some(error.to_string());
                return Ok(result);
            }
            Err(error) => return Err(error),
        };
        for step in &self.steps {
            let mut context = Context {
                models: &self.models,
                record,
                sources: &mut sources,
                done: &result.steps,
                seen: &self.seen,
                progress,
            };
            if let Some(outcome) = step.run(&mut context)? {
                result.add(outcome);
            }
        }
        result.warnings = sources.into_warnings();
        result.precision = self.models.engine().chosen_precisions();
        let taken = self.models.take_warnings();
        result.warnings.extend(taken.into_iter().map(|warning| format!("{}: {warning}", result.id)));
        if device.runtime.report_placement {
            let placements = self.models.engine().placements().into_iter();
            result.placement = Some(placements.map(|(graph, it)| (graph, it.providers().to_vec())).collect());
        }
        Ok(result)
    }

    /// Picture preprocessing of the steps' models for a record; none without a picture. A model folder that cannot be read
    /// is reported by its step.
    pub fn views(&self, record: &Record) -> Vec<PixelConfig> {
        let mut views = Vec::new();
        if record.image.is_some() {
            let all = self.steps.iter().filter_map(|step| step.view(&self.models));
            all.for_each(|view| {
                if !views.contains(&view) {
                    views.push(view);
                }
            });
        }
        views
    }
}
