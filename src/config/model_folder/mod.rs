//! `model.yaml`: everything the program knows about a model, apart from its weights. docs/model-folder.md describes the
//! format.

mod agree;
mod audio;
mod blip;
mod blip2;
mod graph;
mod image;
mod needs;
mod student;
mod vad;
mod whisper;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::error::ConfigError;
use super::model_entry::{MODEL_FILE, ModelEntry};
use super::yaml;

pub use audio::AudioSpec;
pub use blip::{BlipGeneration, BlipSpec, BlipTokens};
pub use blip2::{Blip2Generation, Blip2Spec, Blip2Tokens};
pub use graph::{Axis, AxisProfile, ElementType, FileSpec, GraphSpec, ProfileShapes, TensorSpec};
pub use image::{ImageSpec, ResampleFilter};
pub use needs::{Needs, RuntimeVersion};
pub use student::{EmbeddingSpec, Modality, SensorSpec, StudentInput, StudentSpec, StudentText};
pub use vad::{VadAudio, VadSpec};
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
    /// What the kind needs.
    pub kind: Kind,
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
    pub source: Source,
    /// Every file of the folder but `model.yaml`.
    pub files: BTreeMap<String, FileSpec>,
    /// Graphs by role.
    pub graphs: BTreeMap<String, GraphSpec>,
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
pub struct Source {
    /// What they are.
    pub weights: String,
    /// Where they were taken from.
    pub origin: String,
    /// Their licence.
    pub license: String,
    /// The script that wrote the folder.
    pub exporter: String,
}

/// What a model is, with the constants of its kind.
#[derive(Debug, Clone)]
pub enum Kind {
    /// Speech to text.
    Whisper(WhisperSpec),
    /// Captions and answers about pictures.
    Blip(BlipSpec),
    /// The same by a large language model that reads what was seen.
    Blip2(Blip2Spec),
    /// The distilled, fused student.
    Student(StudentSpec),
    /// Voice activity detection.
    Vad(VadSpec),
}

impl Kind {
    /// The word in `kind:`.
    pub fn name(&self) -> &'static str {
        match self {
            Kind::Whisper(_) => "whisper",
            Kind::Blip(_) => "blip",
            Kind::Blip2(_) => "blip2",
            Kind::Student(_) => "student",
            Kind::Vad(_) => "vad",
        }
    }

    /// The file with its tokenizer, where it has one.
    pub fn tokenizer(&self) -> Option<&String> {
        match self {
            Kind::Whisper(spec) => Some(&spec.tokenizer),
            Kind::Blip(spec) => Some(&spec.tokenizer),
            Kind::Blip2(spec) => Some(&spec.tokenizer),
            Kind::Student(spec) => spec.tokenizer.as_ref(),
            Kind::Vad(_) => None,
        }
    }

    /// The key of such a model under `models` of a device file.
    pub fn key(&self) -> &'static str {
        match self {
            Kind::Blip2(_) => "blip",
            kind => kind.name(),
        }
    }
}

/// `model.yaml` of one kind: the common keys and the kind's own, side by side in one mapping.
///
/// Written out for each kind because serde's `flatten` gives up unknown-key errors and their places.
macro_rules! raw_model {
    ($raw:ident { $($key:ident: $type:ty),* $(,)? }) => {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct $raw {
            format: u32,
            #[allow(dead_code, reason = "read by `RawKind` before this")]
            kind: String,
            name: String,
            dialect: Dialect,
            opset: u32,
            source: Source,
            files: BTreeMap<String, FileSpec>,
            graphs: BTreeMap<String, GraphSpec>,
            $($key: $type,)*
        }

        impl $raw {
            fn common(&self) -> Common {
                Common {
                    name: self.name.clone(),
                    dialect: self.dialect,
                    opset: self.opset,
                    source: self.source.clone(),
                    files: self.files.clone(),
                    graphs: self.graphs.clone(),
                }
            }
        }
    };
}

raw_model!(RawWhisper {
    audio: AudioSpec,
    tokenizer: String,
    multilingual: bool,
    tokens: WhisperTokens,
    generation: WhisperGeneration,
    alignment_heads: Vec<(usize, usize)>,
});
raw_model!(RawBlip { image: ImageSpec, tokenizer: String, tokens: BlipTokens, generation: BlipGeneration });
raw_model!(RawBlip2 { image: ImageSpec, tokenizer: String, tokens: Blip2Tokens, generation: Blip2Generation });
raw_model!(RawStudent {
    modalities: Vec<Modality>,
    labels: Vec<String>,
    image: Option<ImageSpec>,
    image_embedding: Option<EmbeddingSpec>,
    tokenizer: Option<String>,
    text: Option<StudentText>,
    text_embedding: Option<EmbeddingSpec>,
    audio: Option<AudioSpec>,
    sensors: Option<Vec<SensorSpec>>,
});
raw_model!(RawVad { audio: VadAudio });

#[derive(Deserialize)]
struct RawKind {
    kind: RawKindName,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawKindName {
    Whisper,
    Blip,
    Blip2,
    Student,
    Vad,
}

impl ModelFolder {
    /// Reads and checks `model.yaml` in the folder of `entry`.
    ///
    /// # Errors
    /// [`ConfigError`] for a missing folder, malformed YAML, unknown keys, and graphs, tensors or files that the kind
    /// needs and the file does not name.
    pub fn load(entry: &ModelEntry) -> Result<Self, ConfigError> {
        let path = entry.path.join(MODEL_FILE);
        if !path.is_file() {
            return Err(ConfigError::NoModelFolder { path: entry.path.clone(), origin: entry.origin.clone() });
        }
        let text = yaml::read(&path)?;
        let raw: RawKind = yaml::parse(&path, &text)?;
        let (format, common, kind) = match raw.kind {
            RawKindName::Whisper => {
                let raw: RawWhisper = yaml::parse(&path, &text)?;
                (
                    raw.format,
                    raw.common(),
                    Kind::Whisper(WhisperSpec {
                        audio: raw.audio,
                        tokenizer: raw.tokenizer,
                        multilingual: raw.multilingual,
                        tokens: raw.tokens,
                        generation: raw.generation,
                        alignment_heads: raw.alignment_heads,
                    }),
                )
            }
            RawKindName::Blip => {
                let raw: RawBlip = yaml::parse(&path, &text)?;
                (
                    raw.format,
                    raw.common(),
                    Kind::Blip(BlipSpec {
                        image: raw.image,
                        tokenizer: raw.tokenizer,
                        tokens: raw.tokens,
                        generation: raw.generation,
                    }),
                )
            }
            RawKindName::Blip2 => {
                let raw: RawBlip2 = yaml::parse(&path, &text)?;
                (
                    raw.format,
                    raw.common(),
                    Kind::Blip2(Blip2Spec {
                        image: raw.image,
                        tokenizer: raw.tokenizer,
                        tokens: raw.tokens,
                        generation: raw.generation,
                    }),
                )
            }
            RawKindName::Student => {
                let raw: RawStudent = yaml::parse(&path, &text)?;
                (
                    raw.format,
                    raw.common(),
                    Kind::Student(StudentSpec {
                        modalities: raw.modalities,
                        labels: raw.labels,
                        image: raw.image,
                        image_embedding: raw.image_embedding,
                        tokenizer: raw.tokenizer,
                        text: raw.text,
                        text_embedding: raw.text_embedding,
                        audio: raw.audio,
                        sensors: raw.sensors.unwrap_or_default(),
                    }),
                )
            }
            RawKindName::Vad => {
                let raw: RawVad = yaml::parse(&path, &text)?;
                (raw.format, raw.common(), Kind::Vad(VadSpec { audio: raw.audio }))
            }
        };
        let folder = ModelFolder { path: entry.path.clone(), common, kind };
        let problem = if format == FORMAT {
            folder.check()
        } else {
            Err(format!("format {format} is not known to this version (it reads {FORMAT}); export the model again"))
        };
        problem.map_err(|problem| ConfigError::Yaml { path, line: 0, column: 0, problem })?;
        Ok(folder)
    }

    /// The full path of one of the folder's files.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn check(&self) -> Result<(), String> {
        for name in self.common.files.keys() {
            // A name such as `../x` would let a model folder from a stranger read outside itself.
            if Path::new(name).file_name().is_none_or(|file| file != name.as_str()) {
                return Err(format!("files: `{name}` is not a plain file name"));
            }
        }
        for (role, graph) in &self.common.graphs {
            graph.check(role, &self.common.files)?;
        }
        let tokenizer = self.kind.tokenizer();
        // Only what is known to belong to a graph is checked before use, so nothing else may lie in the folder's list.
        let graphs = self.common.graphs.values().flat_map(GraphSpec::file_names);
        let used: BTreeSet<String> = graphs.chain(tokenizer.cloned()).collect();
        if let Some(stray) = self.common.files.keys().find(|file| !used.contains(*file)) {
            return Err(format!("files: `{stray}` is no graph, no graph's weights (GRAPH.onnx.data) and no tokenizer"));
        }
        let named = |key: &str, name: &str| match self.common.files.contains_key(name) {
            true => Ok(()),
            false => Err(format!("{key}: `{name}` is not among `files`")),
        };
        match &self.kind {
            Kind::Whisper(spec) => {
                named("tokenizer", &spec.tokenizer)?;
                spec.check(&self.common.graphs)
            }
            Kind::Blip(spec) => {
                named("tokenizer", &spec.tokenizer)?;
                spec.check(&self.common.graphs)
            }
            Kind::Blip2(spec) => {
                named("tokenizer", &spec.tokenizer)?;
                spec.check(&self.common.graphs)
            }
            Kind::Student(spec) => {
                if let Some(tokenizer) = &spec.tokenizer {
                    named("tokenizer", tokenizer)?;
                }
                spec.check(&self.common.graphs)
            }
            Kind::Vad(spec) => spec.check(&self.common.graphs),
        }
    }
}
