//! Graphs built in memory by the program itself.

use std::path::PathBuf;

use super::error::{EngineError, Reported};
use super::graph::Graph;
use super::placement::Listener;
use super::providers;
use super::session::Engine;
use crate::config::Provider;
use crate::config::model_folder::GraphSpec;

impl Engine {
    /// Loads a graph from the bytes of an ONNX file. Errors call it `name`.
    ///
    /// # Errors
    /// [`EngineError`] for a provider that is missing, tensors that differ from `spec`, and bytes that ONNX Runtime
    /// rejects.
    pub fn load_bytes(
        &self,
        name: &str,
        bytes: &[u8],
        spec: &GraphSpec,
        wanted: &[Provider],
    ) -> Result<Graph, EngineError> {
        let path = PathBuf::from(name);
        let failed = |source: ort::Error| EngineError::Session { path: path.clone(), source: Reported::by(&source) };
        let listener = Listener::default();
        let mut builder = self.builder(wanted, &listener).map_err(failed)?;
        let registered = providers::register(&mut builder, wanted, self.on_missing(), name, None)?;
        let session = builder.commit_from_memory(bytes).map_err(failed)?;
        Graph::new(name.to_string(), path, session, spec, registered, None)
    }
}
