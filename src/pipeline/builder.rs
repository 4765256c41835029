//! Builds a pipeline in code, without a device file.

use std::path::PathBuf;
use std::time::Duration;

use super::runner::Pipeline;
use crate::config::{ByteSize, Device, ModelEntry, Requests, Step};
use crate::error::Error;
use crate::models::read_folder;

/// Models and steps for a [`Pipeline`]; created by [`Pipeline::builder`].
#[derive(Debug, Clone)]
#[must_use = "`build` creates the pipeline"]
pub struct Builder {
    device: Device,
    models: Vec<ModelEntry>,
    named: Vec<(String, ModelEntry)>,
}

impl Pipeline {
    /// A pipeline without a device file.
    pub fn builder() -> Builder {
        Builder::new()
    }
}

impl Builder {
    fn new() -> Self {
        Builder { device: Device::new("library"), models: Vec::new(), named: Vec::new() }
    }

    /// Uses this ONNX Runtime, a shared library of version 1.17 or newer, instead of searching for one.
    pub fn library(mut self, path: impl Into<PathBuf>) -> Self {
        self.device.runtime.library = Some(path.into());
        self
    }

    /// Keeps the resident memory of the whole process within `bytes`, unloading the least recently used models.
    pub fn memory_budget(mut self, bytes: u64) -> Self {
        self.device.runtime.memory_budget = Some(ByteSize::from(bytes));
        self
    }

    /// Adds the model in a folder, under the name of its kind, which its `model.yaml` states. If several models of a
    /// kind are added without a name, the last one counts.
    pub fn model(self, folder: impl Into<PathBuf>) -> Self {
        self.entry(ModelEntry::new(folder))
    }

    /// As [`Builder::model`], with precision and execution providers.
    pub fn entry(mut self, entry: ModelEntry) -> Self {
        self.models.push(entry);
        self
    }

    /// As [`Builder::entry`], under a name that steps can choose by their option `model`.
    pub fn named(mut self, name: impl Into<String>, entry: ModelEntry) -> Self {
        self.named.push((name.into(), entry));
        self
    }

    /// Unloads models that have been idle for `time`.
    pub fn idle_unload(mut self, time: Duration) -> Self {
        self.device.runtime.idle_unload = Some(time);
        self
    }

    /// Processes at most `at_once` requests at a time, and lets at most `waiting` more wait.
    pub fn requests(mut self, at_once: usize, waiting: usize) -> Self {
        self.device.runtime.requests = Requests { at_once: at_once.max(1), waiting };
        self
    }

    /// Adds a step; steps run in the order in which they were added.
    pub fn step(mut self, step: impl Into<Step>) -> Self {
        self.device.pipeline.push(step.into());
        self
    }

    /// Locates ONNX Runtime and builds the pipeline. Models are loaded when a step first needs them.
    ///
    /// # Errors
    /// [`Error::Model`] for a folder without a usable `model.yaml`; [`Error::Engine`] without a usable ONNX Runtime;
    /// [`Error::Config`] for a list of texts that cannot be used.
    pub fn build(mut self) -> Result<Pipeline, Error> {
        for entry in self.models {
            let folder = read_folder(&entry)?;
            self.device.models.insert(folder.kind.to_string(), entry);
        }
        self.device.models.extend(self.named);
        Pipeline::of_device(self.device)
    }
}
