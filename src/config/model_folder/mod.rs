//! `model.yaml`: everything the program knows about a model, apart from its weights. docs/model-folder.md describes the
//! format.

mod agree;
mod audio;
mod blip;
mod blip2;
mod encoder;
mod graph;
mod image;
mod keys;
mod llm;
mod needs;
mod remote;
mod spec;
mod student;
mod student_inputs;
#[cfg(test)]
mod toy;
mod vad;
mod vlm;
mod whisper;

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::ConfigError;
use super::locate::locate;
use super::model_entry::{MODEL_FILE, ModelEntry};
use super::yaml;

use keys::Keys;

pub use audio::AudioSpec;
pub use blip::{BlipGeneration, BlipSpec, BlipTokens};
pub use blip2::{Blip2Generation, Blip2Spec, Blip2Tokens};
pub use encoder::{EncoderMatching, EncoderSpec, EncoderText};
pub use graph::{Axis, AxisProfile, ElementType, FileSpec, GraphSpec, ProfileShapes, TensorSpec};
pub use image::{CropRounding, CropSpec, ImageSpec, ResampleFilter, SplitSpec};
pub use llm::{LlmGeneration, LlmSpec, LlmTokens};
pub use student_inputs::{EmbeddingSpec, SensorSpec, StudentInput, WEIGHTS_DIGITS};

pub use super::modality::Modality;
pub use needs::{Needs, RuntimeVersion};
pub use remote::RemoteSpec;
pub use spec::{Graphs, KindSpec, SpecialTokens, capability};
pub use student::{StudentSpec, StudentText};
#[cfg(test)]
pub(crate) use toy::ToySpec;
pub use vad::{VadAudio, VadSpec};
pub use vlm::{VlmGeneration, VlmPicture, VlmPrompts, VlmSpec};
pub use whisper::{WhisperGeneration, WhisperSpec, WhisperTokens};

/// The `format:` this version reads.
const FORMAT: u32 = 1;

/// A model folder whose `model.yaml` was read and checked.
#[derive(Debug, Clone)]
pub struct ModelFolder {
    /// The folder.
    pub path: PathBuf,
    /// The part common to all kinds.
    pub common: Common,
    /// The word in `kind:`.
    pub kind: &'static str,
    /// The constants of the kind.
    pub spec: Arc<dyn KindSpec>,
}

/// The keys that every `model.yaml` has.
#[derive(Debug, Clone)]
pub struct Common {
    /// Name of the model.
    pub name: String,
    /// `ort` or `standard`.
    pub dialect: Dialect,
    /// ONNX opset of the graphs.
    pub opset: u32,
    /// Where the weights came from.
    pub source: Provenance,
    /// Every file of the folder except `model.yaml`.
    pub files: BTreeMap<String, FileSpec>,
    /// Graphs by role.
    pub graphs: BTreeMap<String, GraphSpec>,
    /// SHA-256 of the `model.yaml` with all precisions, if `edgefuse bundle` left some out: indexes that were made with
    /// the whole folder can be used with the reduced one.
    pub reduced_from: Option<String>,
}

/// Which operators the graphs use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// ONNX Runtime's fused `com.microsoft` operators: CPU and CUDA.
    Ort,
    /// Plain ONNX operators: TensorRT and any other consumer.
    Standard,
}

/// Provenance of the weights.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// Description of the weights.
    pub weights: String,
    /// Where they come from.
    pub origin: String,
    /// Their licence.
    pub license: String,
    /// The script that wrote the folder.
    pub exporter: String,
}

/// Constants of any kind.
type AnyKeys = Keys<Arc<dyn KindSpec>>;

/// Reads the keys of one kind: an entry of the table of kinds (`models::KINDS`).
#[derive(Clone, Copy)]
pub struct SpecReader(fn(&Path, &str) -> Result<AnyKeys, ConfigError>);

impl SpecReader {
    /// The reader of kinds whose constants have the type `S`.
    pub const fn of<S: KindSpec + DeserializeOwned>() -> Self {
        SpecReader(|path, text| {
            let keys: Keys<S> = yaml::parse(path, text)?;
            Ok(Keys { format: keys.format, common: keys.common, spec: Arc::new(keys.spec) })
        })
    }
}

#[derive(Deserialize)]
struct KindName {
    kind: String,
}

impl ModelFolder {
    /// Reads and checks `model.yaml` in the folder of `entry`. `kinds` are the kinds of model that this program knows.
    ///
    /// # Errors
    /// [`ConfigError`] for a missing folder, malformed YAML, unknown kinds and keys, and missing graphs, tensors or
    /// files that the kind needs.
    pub fn read(entry: &ModelEntry, kinds: &[(&'static str, SpecReader)]) -> Result<Self, ConfigError> {
        let path = entry.path.join(MODEL_FILE);
        if !path.is_file() {
            return Err(ConfigError::NoModelFolder { path: entry.path.clone(), origin: entry.origin.clone() });
        }
        let text = yaml::read(&path)?;
        let KindName { kind } = yaml::parse(&path, &text)?;
        let Some((kind, SpecReader(read))) = kinds.iter().find(|(name, _)| *name == kind) else {
            let names: Vec<&str> = kinds.iter().map(|(name, _)| *name).collect();
            let problem = format!("kind: unknown kind `{kind}`, expected one of {}", names.join(", "));
            let (line, column) = locate(&text, &["kind"]);
            return Err(ConfigError::Yaml { path, line, column, problem });
        };
        let Keys { format, common, spec } = read(&path, &text)?;
        let folder = ModelFolder { path: entry.path.clone(), common, kind, spec };
        let problem = if format == FORMAT {
            folder.check()
        } else {
            Err(format!("format {format} is not supported by this version (it reads {FORMAT}); export the model again"))
        };
        problem.map_err(|problem| ConfigError::Yaml { path, line: 0, column: 0, problem })?;
        Ok(folder)
    }

    /// The constants of the kind, if they are of this type.
    pub fn spec<S: KindSpec>(&self) -> Option<&S> {
        (self.spec.as_ref() as &dyn Any).downcast_ref()
    }

    /// What the model can do.
    pub fn capabilities(&self) -> Vec<&'static str> {
        self.spec.capabilities(&self.common.graphs)
    }

    /// What identifies the weights of the graph with this role: by precision, the first [`WEIGHTS_DIGITS`] digits of the
    /// SHA-256 of the file that contains them.
    pub fn weights(&self, role: &str) -> BTreeMap<String, String> {
        let files = &self.common.files;
        let digest = |graph: &GraphSpec, precision: &str, file: &String| {
            let spec = files.get(&graph.weights_file(precision, file)).or_else(|| files.get(file))?;
            Some(spec.sha256.chars().take(WEIGHTS_DIGITS).collect::<String>().to_ascii_lowercase())
        };
        let graph = self.common.graphs.get(role).into_iter();
        let named = graph.flat_map(|graph| graph.files.iter().map(move |(precision, file)| (graph, precision, file)));
        named
            .filter_map(|(graph, precision, file)| Some((precision.clone(), digest(graph, precision, file)?)))
            .collect()
    }

    /// The full path of one of the folder's files.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn check(&self) -> Result<(), String> {
        for name in self.common.files.keys() {
            // A name such as `../x` would let an untrusted model folder read files outside itself.
            if Path::new(name).file_name().is_none_or(|file| file != name.as_str()) {
                return Err(format!("files: `{name}` is not a plain file name"));
            }
        }
        for (role, graph) in &self.common.graphs {
            graph.check(role, &self.common.files)?;
        }
        let tokenizer = self.spec.tokenizer();
        // Only files that belong to a graph are checked before use, so nothing else may be listed.
        let graphs = self.common.graphs.values().flat_map(GraphSpec::file_names);
        let others = self.spec.files();
        let named = tokenizer.iter().chain(&others).map(ToString::to_string);
        let used: BTreeSet<String> = graphs.chain(named).collect();
        if let Some(stray) = self.common.files.keys().find(|file| !used.contains(*file)) {
            return Err(format!("files: `{stray}` is not a graph, a graph's weights (GRAPH.onnx.data) or a tokenizer"));
        }
        if let Some(name) = others.iter().find(|name| !self.common.files.contains_key(**name)) {
            return Err(format!("`{name}` is not among `files`"));
        }
        if let Some(name) = tokenizer.filter(|name| !self.common.files.contains_key(*name)) {
            return Err(format!("tokenizer: `{name}` is not among `files`"));
        }
        self.spec.check(&self.common.graphs)
    }
}
