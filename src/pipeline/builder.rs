//! Builds a pipeline in code, without a device file.

use std::path::PathBuf;

use super::runner::Pipeline;
use crate::config::model_folder::ModelFolder;
use crate::config::{ByteSize, Device, ModelEntry, Step};
use crate::error::Error;

/// Models and steps for a [`Pipeline`]; created by [`Pipeline::builder`].
#[derive(Debug, Clone)]
#[must_use = "`build` makes the pipeline"]
pub struct Builder {
    device: Device,
    models: Vec<ModelEntry>,
}

impl Builder {
    pub(super) fn new() -> Self {
        Builder { device: Device::new("library"), models: Vec::new() }
    }

    /// Uses this ONNX Runtime, a shared library of version 1.17 or newer, instead of looking for one.
    pub fn library(mut self, path: impl Into<PathBuf>) -> Self {
        self.device.runtime.library = Some(path.into());
        self
    }

    /// Keeps the resident memory of the whole process within `bytes`, unloading the least recently used models.
    pub fn memory_budget(mut self, bytes: u64) -> Self {
        self.device.runtime.memory_budget = Some(ByteSize::from(bytes));
        self
    }

    /// Adds the model in a folder; its `model.yaml` names its kind. If several are of one kind, the last one counts.
    pub fn model(self, folder: impl Into<PathBuf>) -> Self {
        self.entry(ModelEntry::new(folder))
    }

    /// As [`Builder::model`], with precision and execution providers.
    pub fn entry(mut self, entry: ModelEntry) -> Self {
        self.models.push(entry);
        self
    }

    /// Adds a step; steps run in the order in which they were added.
    pub fn step(mut self, step: Step) -> Self {
        self.device.pipeline.push(step);
        self
    }

    /// Finds ONNX Runtime. Models are loaded when a step first needs them.
    ///
    /// # Errors
    /// [`Error::Model`] for a folder without a usable `model.yaml`; [`Error::Engine`] without a usable ONNX Runtime;
    /// [`Error::Config`] for a list of texts that cannot be used.
    pub fn build(mut self) -> Result<Pipeline, Error> {
        for entry in self.models {
            let folder = ModelFolder::load(&entry).map_err(Error::Model)?;
            *self.device.model_mut(&folder.kind) = Some(entry);
        }
        Pipeline::of_device(self.device)
    }
}
