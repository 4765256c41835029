//! The decoder graph of a language model.

use crate::config::model_folder::LlmSpec;
use crate::engine::{EngineError, Graph};
use crate::models::generation::Decoder;
use crate::models::loader::Loader;

/// The graph, by what its cache is.
pub(super) enum LlmDecoder {
    /// A buffer that each run extends: dialect `ort`.
    Buffered(Graph),
    /// Tensors that each run returns anew, one position longer: dialect `standard`.
    Copying(Decoder),
}

impl LlmDecoder {
    /// Loads the graph.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn load(loader: &Loader) -> Result<Self, EngineError> {
        Ok(match LlmSpec::has_total_length(&loader.folder().common.graphs) {
            true => LlmDecoder::Buffered(loader.graph("decoder")?),
            false => LlmDecoder::Copying(Decoder::load(loader, "decoder")?),
        })
    }

    /// The execution provider of the graph.
    pub fn provider(&self) -> &'static str {
        match self {
            LlmDecoder::Buffered(graph) => graph.provider(),
            LlmDecoder::Copying(decoder) => decoder.provider(),
        }
    }
}
