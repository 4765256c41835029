//! The decoder graph of a language model.

use crate::config::model_folder::LlmSpec;
use crate::engine::EngineError;
use crate::models::generation::Decoder;
use crate::models::loader::Loader;

/// The graph, and what its cache may be.
pub(in crate::models) struct LlmDecoder {
    /// The graph with a cache of tensors that each run returns anew, one position longer.
    pub decoder: Decoder,
    /// Whether the cache may be a buffer that each run extends: dialect `ort`.
    pub buffered: bool,
}

impl LlmDecoder {
    /// Loads the graph.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn load(loader: &Loader) -> Result<Self, EngineError> {
        let buffered = LlmSpec::has_total_length(&loader.folder().common.graphs);
        Ok(LlmDecoder { decoder: Decoder::load(loader, "decoder")?, buffered })
    }

    /// The execution provider of the graph.
    pub fn provider(&self) -> &'static str {
        self.decoder.provider()
    }
}
