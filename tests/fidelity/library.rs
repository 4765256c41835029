//! Models through the library, for tests that look inside.

use std::path::Path;
use std::sync::Arc;

use edgefuse::config::{ModelEntry, OnMissingProvider, Precisions, Runtime};
use edgefuse::engine::Engine;
use edgefuse::models::Loader;

use crate::root;

/// Loads parts of the model folder `onnx/NAME` in fp32 on the CPU.
pub fn loader(name: &str) -> Loader {
    loader_at(&root().join("onnx").join(name))
}

/// Loads parts of a model folder in fp32 on the CPU.
pub fn loader_at(path: &Path) -> Loader {
    let runtime = Runtime { on_missing_provider: OnMissingProvider::Error, ..Runtime::default() };
    let engine = Engine::start(&runtime, root()).expect("run scripts/setup.sh first");
    let entry = ModelEntry { precision: Precisions::default(), origin: "test".to_string(), ..ModelEntry::new(path) };
    Loader::new(Arc::new(engine), &entry).unwrap_or_else(|error| {
        panic!("{error}\nrun scripts/setup.sh first; with the argument whisper-base for that model")
    })
}
