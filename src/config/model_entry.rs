//! Which model folder or endpoint a device uses, and how.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::modality::Modality;
use super::precisions::Precisions;
use super::provider::{Provider, Providers, Required};
use super::remote::RemoteOptions;

/// Name of the file that describes a model folder.
pub const MODEL_FILE: &str = "model.yaml";

/// One model of a device.
#[derive(Debug, Clone)]
pub struct ModelEntry {
    /// The model folder, absolute or from the current folder; the endpoint's address for a model behind one.
    pub path: PathBuf,
    /// The endpoint, for a model without a folder.
    pub endpoint: Option<RemoteOptions>,
    /// Which of the folder's precisions to load.
    pub precision: Precisions,
    /// Execution providers of each graph, in order of preference.
    pub execution_providers: Providers,
    /// Which providers must run the nodes of each graph.
    pub require: Required,
    /// The tasks that it is chosen for when no model is named; all that it can do if `None`.
    pub tasks: Option<Vec<String>>,
    /// Names under `models` of the encoders that compute embeddings for it, by modality, if the device file chooses
    /// them; otherwise its folder does.
    pub encoders: BTreeMap<Modality, String>,
    /// Who named the folder, for errors: `configs/cpu.yaml:12:12: models.whisper.path`, or `--model`.
    pub origin: String,
}

impl ModelEntry {
    /// The model in the folder at `path`, on the CPU, each graph in the precision that suits this machine.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        ModelEntry {
            origin: path.display().to_string(),
            path,
            endpoint: None,
            precision: Precisions::auto(),
            execution_providers: Providers::all(vec![Provider::cpu()]),
            require: Required::default(),
            tasks: None,
            encoders: BTreeMap::new(),
        }
    }

    /// The model behind an endpoint.
    pub fn remote(endpoint: RemoteOptions) -> Self {
        let shown = endpoint.shown();
        ModelEntry { origin: shown.clone(), endpoint: Some(endpoint), ..Self::new(shown) }
    }
}
