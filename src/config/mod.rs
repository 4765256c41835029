//! Device files and model folders: YAML as written (`raw`) turned into values that were checked ([`Device`],
//! [`model_folder::ModelFolder`]).
//!
//! Everything here is plain data; nothing in this layer opens an ONNX graph, a picture or a sound.

mod ask;
mod by_graph;
mod caption;
mod device;
mod error;
mod extends;
mod locate;
mod match_options;
mod media;
mod model_entry;
pub mod model_folder;
mod named;
mod pipeline;
mod precisions;
mod provider;
mod raw;
mod runtime;
mod search;
mod texts;
mod transcribe;
mod units;
mod vad_options;

pub use ask::{AskOptions, Question};
pub use caption::CaptionOptions;
pub use device::Device;
pub use error::ConfigError;
pub use match_options::MatchOptions;
pub use media::{Ffmpeg, Media};
pub use model_entry::{MODEL_FILE, ModelEntry};
pub use pipeline::{FuseOptions, Step, TextSource};
pub use precisions::{Precisions, Wanted};
pub use provider::{
    ArenaStrategy, ConvSearch, CpuOptions, CudaOptions, Extra, PassThrough, PassThroughOptions, Provider, Providers,
    Required, Requirement, TensorRtOptions,
};
pub use runtime::{OnMissingProvider, Runtime, Threads};
pub use search::{SearchOptions, StopEarly};
pub use texts::Texts;
pub use transcribe::{Channels, Clips, EncoderContext, Task, Temperatures, Timestamps, TranscribeOptions, Vad};
pub use units::ByteSize;
pub use vad_options::VadOptions;
