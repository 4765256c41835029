//! Device files and model folders: YAML as written ([`raw`]) turned into values that were checked ([`Device`],
//! [`model_folder::ModelFolder`]).
//!
//! Everything here is plain data; nothing in this layer opens an ONNX graph, a picture or a sound.

mod device;
mod error;
mod locate;
pub mod model_folder;
mod pipeline;
mod provider;
mod raw;
mod units;

pub use device::{Device, ModelEntry, OnMissingProvider, Runtime, Threads};
pub use error::ConfigError;
pub use pipeline::{AskOptions, CaptionOptions, FuseOptions, Question, Step, Task, TextSource, Timestamps, TranscribeOptions};
pub use provider::{CudaOptions, Provider, TensorRtOptions};
pub use units::ByteSize;
