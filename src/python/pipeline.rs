//! `edgefuse._native.NativePipeline`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pyo3::prelude::*;
use serde_json::Value;

use super::job::{Job, Options};
use super::process::{self, OfProcess};
use super::{Cancellation, errors};
use crate::config::{Device, MODEL_FILE, ModelEntry, Precisions, Step, TranscribeOptions, check_steps};
use crate::engine::Engine;
use crate::error::Error;
use crate::models::{Models, read_folder, with_encoders};
use crate::pipeline::{Pipeline, settings};
use crate::support::wording::in_plain_words;

/// Requests that may wait: as many as there are threads that ask.
const MOST_WAITING: usize = 1 << 20;

/// A pipeline on the models of a device file, or of model folders.
#[pyclass(frozen, module = "edgefuse._native")]
pub struct NativePipeline(OfProcess<Loaded>);

struct Loaded {
    models: Models,
    steps: Vec<Step>,
    /// The device file's steps.
    pipeline: Arc<Pipeline>,
    made_with: String,
}

#[pymethods]
impl NativePipeline {
    /// `paths`: a device file, or one or more model folders. `library`: ONNX Runtime, unless the device file names one.
    #[new]
    #[pyo3(signature = (paths, *, precision=None, threads=None, library=None))]
    fn new(
        py: Python<'_>,
        paths: Vec<PathBuf>,
        precision: Option<&str>,
        threads: Option<usize>,
        library: Option<PathBuf>,
    ) -> PyResult<Self> {
        process::start(py)?;
        let loaded = py.detach(|| {
            let mut device = device(&paths, precision)?;
            device.runtime.threads.intra = threads.unwrap_or(device.runtime.threads.intra);
            device.runtime.requests.waiting = MOST_WAITING;
            device.runtime.library = device.runtime.library.or(library);
            let engine = Arc::new(Engine::start(&device.runtime, &device.base)?);
            let steps = device.pipeline.clone();
            let made_with = settings(&device, &steps)?;
            let models = Models::new(engine, device);
            let pipeline = Arc::new(Pipeline::new(models.clone(), &steps)?);
            Ok(Loaded { models, steps, pipeline, made_with })
        });
        Ok(NativePipeline(OfProcess::new(loaded.map_err(|error: Error| errors::of(py, &error))?)))
    }

    /// The names of the device file's steps.
    fn steps(&self, py: Python<'_>) -> PyResult<Vec<&'static str>> {
        Ok(self.0.get(py)?.steps.iter().map(Step::name).collect())
    }

    /// File, version and origin of ONNX Runtime.
    fn library(&self, py: Python<'_>) -> PyResult<(PathBuf, String, &'static str)> {
        let library = self.0.get(py)?.models.engine().library();
        Ok((library.path.clone(), library.version.clone(), library.found_by))
    }

    /// The names of the models that are loaded.
    fn loaded(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        Ok(self.0.get(py)?.models.loaded())
    }

    /// Starts to process records with these steps (JSON, as in a device file), or with the device file's.
    #[allow(clippy::too_many_arguments, reason = "they are keywords in Python")]
    #[pyo3(signature = (steps, *, in_flight=1, ordered=true, timeout=None, cancellation=None, on_progress=None))]
    fn start(
        &self,
        py: Python<'_>,
        steps: Option<&str>,
        in_flight: usize,
        ordered: bool,
        timeout: Option<f64>,
        cancellation: Option<&Cancellation>,
        on_progress: Option<Py<PyAny>>,
    ) -> PyResult<Job> {
        let loaded = self.0.get(py)?;
        let mut request = cancellation.map_or_else(|| Cancellation::new().0, |it| it.0.clone());
        if let Some(seconds) = timeout {
            let timeout = Duration::try_from_secs_f64(seconds);
            let timeout = timeout.map_err(|error| errors::option(py, format!("timeout: {error}")))?;
            request = request.with_timeout(timeout);
        }
        let (pipeline, made_with) = match steps {
            None if loaded.steps.is_empty() => {
                return Err(errors::option(
                    py,
                    "there is no `pipeline` in the device file, so name `steps`".to_string(),
                ));
            }
            None => (Arc::clone(&loaded.pipeline), loaded.made_with.clone()),
            Some(steps) => {
                let steps = loaded.read(steps).map_err(|problem| errors::option(py, problem))?;
                let made_with = settings(loaded.models.device(), &steps).map_err(|error| errors::of(py, &error))?;
                let pipeline = Pipeline::new(loaded.models.clone(), &steps);
                (Arc::new(pipeline.map_err(|error| errors::of(py, &error))?), made_with)
            }
        };
        Ok(Job::start(
            &pipeline,
            Options { in_flight: in_flight.clamp(1, 256), ordered, request, on_progress, made_with },
        ))
    }
}

impl Loaded {
    /// Reads and checks steps. A name alone is the device file's step, if it has one; a step with options that names no
    /// model uses that of the device file's step.
    fn read(&self, steps: &str) -> Result<Vec<Step>, String> {
        let listed: Vec<Value> = serde_json::from_str(steps).map_err(|error| reason(&error))?;
        let steps = listed.into_iter().map(|step| self.read_step(step)).collect::<Result<Vec<_>, _>>()?;
        check_steps(&steps).map_err(|(_, problem)| problem)?;
        Ok(steps)
    }

    fn read_step(&self, listed: Value) -> Result<Step, String> {
        let plain = listed.is_string();
        let mut step: Step = serde_path_to_error::deserialize(listed).map_err(|error| {
            let (place, problem) = (error.path().to_string(), reason(error.inner()));
            if place == "." { problem } else { format!("{place}: {problem}") }
        })?;
        let Some(own) = self.steps.iter().find(|own| own.name() == step.name()) else { return Ok(step) };
        if plain {
            return Ok(own.clone());
        }
        if let (Some(model), None) = (own.options().model(), step.options().model()) {
            step.options_mut().set_model(model.to_string());
        }
        let vad_model = own.as_options::<TranscribeOptions>().and_then(|own| own.vad_model.clone());
        match step.as_options::<TranscribeOptions>() {
            Some(options) if options.vad_model.is_none() => {
                Ok(TranscribeOptions { vad_model, ..options.clone() }.into())
            }
            _ => Ok(step),
        }
    }
}

/// The message of an error in JSON, without its position in a text that nobody wrote.
fn reason(error: &serde_json::Error) -> String {
    in_plain_words(error.to_string().split(" at line ").next().unwrap_or_default())
}

/// The device that `paths` describe. Folders with a `model.yaml` are models of a device without a file.
fn device(paths: &[PathBuf], precision: Option<&str>) -> Result<Device, Error> {
    let precision = precision.map(|name| match name {
        "auto" => (name, Precisions::auto()),
        name => (name, Precisions::named(name)),
    });
    let is_model = |path: &PathBuf| path.is_dir() || path.join(MODEL_FILE).is_file();
    let mut device = match paths {
        [file] if !is_model(file) => Device::load(file)?,
        folders => {
            let mut device = Device::new("python");
            for folder in folders {
                let entry = ModelEntry::new(folder);
                device.models.insert(read_folder(&entry)?.kind.to_string(), entry);
            }
            device
        }
    };
    if let Some((name, precisions)) = precision {
        // A detector has no `int8`, for example. A name that no model has is for the models to refuse.
        let has = |entry: &ModelEntry| match read_folder(entry) {
            Ok(folder) => name == "auto" || folder.common.graphs.values().any(|graph| graph.files.contains_key(name)),
            Err(_) => false,
        };
        let any = device.models.values().any(has);
        let chosen = device.models.values_mut().filter(|entry| !any || has(entry));
        chosen.for_each(|entry| entry.precision = precisions.clone());
    }
    Ok(with_encoders(device))
}
