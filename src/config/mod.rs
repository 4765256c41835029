//! Device files and model folders: YAML as written (`raw`) is turned into checked values ([`Device`],
//! [`model_folder::ModelFolder`]).
//!
//! Everything here is plain data; nothing in this layer opens an ONNX graph, a picture or a sound.

mod bounded_value;
mod by_graph;
mod device;
mod error;
mod extends;
mod locate;
mod media;
mod modality;
mod model_entry;
pub mod model_folder;
mod models;
mod named;
mod names;
mod precisions;
mod provider;
mod raw;
mod remote;
mod runtime;
mod server;
mod sinks;
mod sources;
mod steps;
mod units;
mod yaml;

pub use device::Device;
pub use error::ConfigError;
pub use media::{Ffmpeg, Media};
pub use model_entry::{MODEL_FILE, ModelEntry};
pub use precisions::{Precisions, Wanted};
pub use provider::{
    ArenaStrategy, ConvSearch, CpuOptions, CudaOptions, Extra, PassThrough, PassThroughOptions, Provider, Providers,
    Required, Requirement, TensorRtOptions,
};
pub use remote::RemoteOptions;
pub use runtime::{OnMissingProvider, Requests, Runtime, Threads};
pub use server::{Drain, Http, Limits, Server, Wyoming, WyomingLimits};
pub use sinks::{
    Discovery, Endpoint, Filter, Fsync, JsonlOptions, MinConfidence, MqttOptions, Pattern, Sink, SnapshotOptions,
    SpoolOptions, Store, Target, TlsFiles, WebhookOptions,
};
pub use sources::{
    Camera, Change, Channel as MicrophoneChannel, FolderSource, FrameFormat, FrameSize, Frames, Join, Microphone,
    MicrophoneAddress, Motion, Sensor, Source, SourceKind, Trigger,
};
#[cfg(test)]
pub(crate) use steps::ToyOptions;
#[cfg(feature = "python")]
pub(crate) use steps::check as check_steps;
pub use steps::{
    AskOptions, CaptionOptions, Channels, ChatOptions, ClassifyOptions, Clips, EmbedOptions, EncoderContext, Field,
    Form, FuseOptions, IndexOptions, MatchOptions, NamedStep, PromptTemplate, Question, ReplyOptions, Schema,
    SearchOptions, Step, StepOptions, StopEarly, Task, Temperatures, TextRole, TextSource, Texts, Timestamps,
    TranscribeOptions, Truncate, Vad, VadOptions,
};
pub use units::{ByteSize, parse_span};
