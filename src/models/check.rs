//! Checks of a model folder that need no input: what `edgefuse check` and the exporters run.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::kinds::{check_files, read_folder};
use crate::config::{Device, ModelEntry, Precisions, Provider};
use crate::engine::{self, Engine, EngineError, GraphFile, SessionOptions, release_unused};
use crate::error::Error;

/// Result of the check of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedFolder {
    /// Name of the model.
    pub name: String,
    /// Its kind.
    pub kind: &'static str,
    /// Graphs that were loaded, each in one precision.
    pub loaded: usize,
    /// What could not be checked, one line each: precisions that this version of the library does not support.
    pub left_out: Vec<String>,
}

/// Checks the model folder at `path`: `model.yaml`, the hash of every file, the files that graphs name, the tokenizer,
/// and that ONNX Runtime loads every graph in every precision, on the CPU, with the tensors that `model.yaml` lists.
///
/// # Errors
/// [`Error::Model`], [`Error::Engine`] or [`Error::Tokenizer`] for the first problem found.
pub fn check_folder(engine: &Arc<Engine>, path: &Path) -> Result<CheckedFolder, Error> {
    let entry = ModelEntry { origin: "check".to_string(), precision: Precisions::default(), ..ModelEntry::new(path) };
    let folder = read_folder(&entry)?;
    for (name, expected) in &folder.common.files {
        engine::verify(&folder.file(name), expected)?;
    }
    check_files(&folder)?;
    let mut checked =
        CheckedFolder { name: folder.common.name.clone(), kind: folder.kind, loaded: 0, left_out: Vec::new() };
    let providers = [Provider::cpu()];
    for (role, graph) in &folder.common.graphs {
        // Precisions may share a file: q4 may use the encoder of int8, for example.
        let mut seen = BTreeSet::new();
        for (precision, file) in &graph.files {
            if !seen.insert((file, graph.weights_file(precision, file))) {
                continue;
            }
            let options = SessionOptions { precision, why: None, providers: &providers, require: None };
            match engine.load(&GraphFile { folder: &folder, role }, &options) {
                Ok(_) => checked.loaded += 1,
                Err(error @ EngineError::TooOld { .. }) => checked.left_out.push(error.to_string()),
                Err(error) => return Err(error.into()),
            }
            release_unused();
        }
    }
    Ok(checked)
}

/// The settings of ONNX Runtime for checks without a device file: the library is searched for from the current folder.
pub fn check_engine(device: Option<&Device>) -> Result<Arc<Engine>, Error> {
    let engine = match device {
        Some(device) => Engine::start(&device.runtime, &device.base)?,
        None => Engine::start(&Default::default(), Path::new(""))?,
    };
    Ok(Arc::new(engine))
}
