//! What a model needs to load its parts: the engine, its folder, its precision and its providers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use sha2::{Digest, Sha256};

use crate::config::model_folder::{AudioSpec, KindSpec, ModelFolder};
use crate::config::{ByteSize, ConfigError, MODEL_FILE, ModelEntry, Wanted};
use crate::engine::{Choice, Engine, EngineError, Graph, GraphFile, SessionOptions};
use crate::error::Error;
use crate::media::audio::{LogMel, LogMelConfig};
use crate::support::hex::hex;

use super::cost::{self, Cost};

/// Loads the graphs of one model folder.
#[derive(Clone)]
pub struct Loader {
    engine: Arc<Engine>,
    folder: Arc<ModelFolder>,
    entry: ModelEntry,
    /// The precision of each graph, and the reason if it was chosen automatically.
    precisions: Arc<BTreeMap<String, Precision>>,
}

/// The precision of one graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Precision {
    /// Its name in `model.yaml`.
    pub name: String,
    /// The reason, if the device file says `auto`.
    pub why: Option<String>,
}

impl From<Choice> for Precision {
    fn from(choice: Choice) -> Self {
        Precision { name: choice.precision, why: Some(choice.why) }
    }
}

impl Loader {
    /// Of a folder that is read already.
    pub(super) fn of_folder(engine: Arc<Engine>, folder: Arc<ModelFolder>, entry: &ModelEntry) -> Result<Self, Error> {
        let named = entry.precision.graphs().map(|graph| ("precision", graph));
        let named = named.chain(entry.execution_providers.graphs().map(|graph| ("execution_providers", graph)));
        let mut named = named.chain(entry.require.graphs().map(|graph| ("require", graph)));
        if let Some((key, graph)) = named.find(|(_, graph)| !folder.common.graphs.contains_key(*graph)) {
            let known = folder.common.graphs.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
            let problem = format!("`{key}` of the device file names an unknown graph `{graph}`; there are {known}");
            return Err(Error::Request { model: folder.common.name.clone(), problem });
        }
        let precisions = folder.common.graphs.iter().map(|(role, graph)| {
            let precision = match entry.precision.of(role) {
                Wanted::Named(name) => Precision { name: name.to_string(), why: None },
                Wanted::Auto => engine.choose_precision(graph, entry.execution_providers.of(role)).into(),
            };
            (role.clone(), precision)
        });
        let precisions = Arc::new(precisions.collect());
        Ok(Loader { engine, folder, entry: entry.clone(), precisions })
    }

    /// The precision of each graph, by role.
    pub fn precisions(&self) -> &BTreeMap<String, Precision> {
        &self.precisions
    }

    /// The folder.
    pub fn folder(&self) -> &Arc<ModelFolder> {
        &self.folder
    }

    /// Loads the graph with this role.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn graph(&self, role: &str) -> Result<Graph, EngineError> {
        self.engine.load(
            &GraphFile { folder: &self.folder, role },
            &SessionOptions {
                precision: &self.precisions[role].name,
                why: self.precisions[role].why.as_deref(),
                providers: self.entry.execution_providers.of(role),
                require: self.entry.require.of(role),
            },
        )
    }

    /// The log-mel spectrogram that `model.yaml` describes.
    ///
    /// # Errors
    /// [`Error::Model`] for invalid constants.
    pub fn log_mel(&self, spec: &AudioSpec) -> Result<LogMel, Error> {
        let config = LogMelConfig {
            sample_rate: spec.sample_rate,
            n_fft: spec.n_fft,
            hop_length: spec.hop_length,
            n_mels: spec.n_mels,
        };
        LogMel::new(&config).map_err(|error| {
            let path = self.folder.file(MODEL_FILE);
            Error::Model(ConfigError::Yaml { path, line: 0, column: 0, problem: format!("audio: {error}") })
        })
    }

    /// Size in bytes of the folder's graphs in the entry's precision, including their weights.
    pub fn graph_bytes(&self) -> u64 {
        let common = &self.folder.common;
        let files: BTreeSet<String> = common
            .graphs
            .iter()
            .filter_map(|(role, graph)| {
                let precision = &self.precisions[role].name;
                graph.files.get(precision).map(|file| [file.clone(), graph.weights_file(precision, file)])
            })
            .flatten()
            .collect();
        let bytes = files.iter().filter_map(|file| common.files.get(file)).map(|file| file.bytes);
        bytes.fold(0, u64::saturating_add)
    }

    /// Memory cost of the model, measured or estimated, and the file that records the measurement.
    pub(super) fn cost(&self) -> (Cost, Option<PathBuf>) {
        let file = cost::file(&self.cost_key());
        let measured = file.as_deref().and_then(cost::read);
        (measured.unwrap_or_else(|| Cost::estimated(self.graph_bytes())), file)
    }

    /// Memory cost of the model: measured if it ran on this machine with a `memory_budget` before, otherwise estimated
    /// from the sizes of its files.
    pub fn memory_cost(&self) -> Cost {
        self.cost().0
    }

    /// Checks that the model fits into `budget` beside `base`, the resident memory of the program itself.
    ///
    /// # Errors
    /// [`Error::Budget`].
    pub fn check_budget(&self, base: ByteSize, budget: ByteSize) -> Result<(), Error> {
        cost::check(&self.folder.common.name, self.memory_cost(), self.graph_bytes(), base, budget)
    }

    /// Key of a measurement: the same graphs on the same library and providers cost the same.
    fn cost_key(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(&self.engine.library().version);
        for (role, graph) in &self.folder.common.graphs {
            let precision = &self.precisions[role].name;
            let Some(file) = graph.files.get(precision) else { continue };
            for file in [file, &graph.weights_file(precision, file)] {
                hash.update(self.folder.common.files.get(file).map_or("", |file| &file.sha256));
            }
            hash.update(format!("{:?}", self.entry.execution_providers.of(role)));
        }
        hex(&hash.finalize()[..16])
    }

    /// The constants of the folder's kind.
    ///
    /// # Errors
    /// [`Error::WrongKind`] if the folder is not of the kind `wanted`, whose constants have the type `S`.
    pub fn spec<S: KindSpec>(&self, wanted: &'static str) -> Result<&S, Error> {
        let found = self.folder.kind;
        self.folder.spec().ok_or_else(|| Error::WrongKind { path: self.folder.path.clone(), found, wanted })
    }
}

/// A part of a model that is loaded by the first thread that needs it.
pub(super) struct Lazy<T> {
    part: OnceLock<T>,
    /// Held while the part loads: another thread waits for it instead of loading it a second time.
    loading: Mutex<()>,
}

impl<T> Lazy<T> {
    /// A part that is not loaded yet.
    pub fn new() -> Self {
        Lazy { part: OnceLock::new(), loading: Mutex::new(()) }
    }

    /// The part, if it is loaded.
    pub fn get(&self) -> Option<&T> {
        self.part.get()
    }

    /// The part, loaded first if necessary; after an error the next call tries again.
    pub fn get_or_load<E>(&self, load: impl FnOnce() -> Result<T, E>) -> Result<&T, E> {
        let _loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        match self.part.get() {
            Some(part) => Ok(part),
            None => {
                let part = load()?;
                Ok(self.part.get_or_init(|| part))
            }
        }
    }
}
