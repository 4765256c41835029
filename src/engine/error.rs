//! Errors of the engine.

use std::io;
use std::path::PathBuf;

use crate::config::model_folder::RuntimeVersion;
use crate::support::request::Stopped;

/// A library, graph or inference that failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// No ONNX Runtime library was found.
    #[error(
        "ONNX Runtime not found; tried {}; run scripts/setup.sh, or set the library in `runtime.library` or ORT_DYLIB_PATH",
        tried.join(", ")
    )]
    LibraryNotFound {
        /// The places that were searched, in order.
        tried: Vec<String>,
    },
    /// A file was found where the library should be, but it cannot be used.
    #[error("{}: cannot be used as ONNX Runtime: {problem}", path.display())]
    LibraryUnusable {
        /// The file.
        path: PathBuf,
        /// Why not, and what to do.
        problem: String,
    },
    /// The current request was stopped before it was finished.
    #[error("{0}")]
    Stopped(Stopped),
    /// ONNX Runtime's telemetry can no longer be turned off.
    #[error(
        "ONNX Runtime would send telemetry: set ORT_DISABLE_TELEMETRY=1 before the program starts, or call \
         edgefuse::engine::disable_telemetry() before it starts threads"
    )]
    Telemetry,
    /// An execution provider could not be loaded, and the device file says that this is an error.
    #[error("{graph}: execution provider `{provider}` did not load: {reason} (`on_missing_provider: error`)")]
    MissingProvider {
        /// The graph that was being loaded.
        graph: String,
        /// The provider, as the device file names it.
        provider: &'static str,
        /// What ONNX Runtime said.
        reason: String,
    },
    /// Execution providers loaded, but ONNX Runtime placed every node of the graph on the CPU.
    #[error(
        "{graph}: `{providers}` loaded but runs none of the graph's nodes, all are on the CPU (`on_missing_provider: error`)"
    )]
    FellBack {
        /// The graph.
        graph: String,
        /// The providers without any node.
        providers: String,
    },
    /// The nodes of a graph do not run on the providers that the device file's `require` demands.
    #[error("{graph}: `require` asks for {required}; found {found}")]
    Placement {
        /// The graph.
        graph: String,
        /// The requirement.
        required: String,
        /// The actual placement of the nodes.
        found: String,
    },
    /// TensorRT was requested for graphs with operators that only ONNX Runtime supports.
    #[error(
        "{model}: the graphs are in dialect `ort`, whose fused operators TensorRT does not support; export \
         the model with `--dialect standard`, or name other `execution_providers` for it"
    )]
    Dialect {
        /// Name of the model.
        model: String,
    },
    /// The folder for TensorRT's engines cannot be created or written.
    #[error(
        "{}: the engine cache cannot be written: {source}; name a writable folder in `tensorrt: {{engine_cache: ...}}`",
        path.display()
    )]
    EngineCache {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The model does not have the graph in the requested precision.
    #[error("{model}: no graph `{graph}` in precision `{wanted}`; the folder has {}", available.join(", "))]
    Precision {
        /// Name of the model.
        model: String,
        /// Role of the graph.
        graph: String,
        /// The requested precision.
        wanted: String,
        /// The available precisions.
        available: Vec<String>,
    },
    /// The library is too old for the graph in the requested precision.
    #[error(
        "{graph}: precision `{precision}` needs ONNX Runtime {needed} or newer on this processor, and {library} is loaded; {}install \
         a newer one",
        if usable.is_empty() { String::new() } else { format!("use precision {}, or ", usable.join(" or ")) }
    )]
    TooOld {
        /// The graph, `model/role`.
        graph: String,
        /// The requested precision.
        precision: String,
        /// The minimum version that can run it.
        needed: RuntimeVersion,
        /// Version and file of the loaded library.
        library: String,
        /// The precisions of the graph that it can run.
        usable: Vec<String>,
    },
    /// A file of a model folder is missing or cannot be read.
    #[error("{}: cannot read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of a model folder is not the one that `model.yaml` describes.
    #[error("{}: {problem}; the file is damaged or was replaced: export or copy the model again", path.display())]
    Checksum {
        /// The file.
        path: PathBuf,
        /// How it differs.
        problem: String,
    },
    /// A graph stores a tensor in a file that is not its listed weights file.
    #[error("{}: {problem}; the model may have been tampered with: export it again", path.display())]
    ExternalData {
        /// The graph file.
        path: PathBuf,
        /// The tensor, and the location of its data.
        problem: String,
    },
    /// A model fed a graph in a way that contradicts `model.yaml`, which must describe another model.
    #[error("{graph}: input `{tensor}`: {problem}; model.yaml does not fit the model: export it again")]
    Fed {
        /// The graph.
        graph: String,
        /// The role of the tensor.
        tensor: String,
        /// The input, and what was expected.
        problem: String,
    },
    /// The graph and `model.yaml` disagree about a tensor.
    #[error("{}: {problem}; the graph does not match model.yaml: export the model again", path.display())]
    Tensors {
        /// The graph file.
        path: PathBuf,
        /// The tensor, and how it differs.
        problem: String,
    },
    /// ONNX Runtime refused the graph.
    #[error("{}: ONNX Runtime cannot load the graph: {}", path.display(), source)]
    Session {
        /// The graph file.
        path: PathBuf,
        /// What ONNX Runtime said.
        source: Reported,
    },
    /// ONNX Runtime failed to run a graph or to create a tensor.
    #[error("{graph}: inference failed: {source}")]
    Run {
        /// The graph.
        graph: String,
        /// What ONNX Runtime said.
        source: Reported,
    },
    /// A graph fails for any input, for example because ONNX Runtime has no kernel for it on this processor.
    #[error(
        "{graph}: cannot run here, whatever the input: {source}; use another precision or another version of ONNX Runtime"
    )]
    Unfit {
        /// The graph.
        graph: String,
        /// What ONNX Runtime said about generated input.
        source: Reported,
    },
    /// `model.yaml` describes an input that is too large to generate.
    #[error("`{tensor}` of shape {shape:?} in model.yaml is larger than any supported input: export the model again")]
    Input {
        /// The tensor.
        tensor: String,
        /// Its shape.
        shape: Vec<usize>,
    },
    /// A graph returned values that are not finite numbers.
    #[error(
        "{graph}: output `{tensor}` has the value {value}, which is not a finite number; with fp16 or int8, try a \
         higher precision; else the model is damaged"
    )]
    NotFinite {
        /// The graph.
        graph: String,
        /// The role of the tensor.
        tensor: String,
        /// The first such value.
        value: f32,
    },
    /// A graph returned values outside their valid range.
    #[error("{graph}: output `{tensor}` has the value {value}, outside {range}; the model is damaged")]
    OutOfRange {
        /// The graph.
        graph: String,
        /// The role of the tensor.
        tensor: &'static str,
        /// The first such value.
        value: f32,
        /// The range.
        range: &'static str,
    },
    /// A graph returned a tensor with a shape that contradicts `model.yaml`.
    #[error("{graph}: output `{tensor}` has shape {found:?}, not {expected}; export the model again")]
    Shape {
        /// The graph.
        graph: String,
        /// The tensor.
        tensor: String,
        /// Its shape.
        found: Vec<usize>,
        /// The expected shape.
        expected: String,
    },
}

/// What ONNX Runtime reported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Reported(String);

impl Reported {
    /// The message in one line.
    pub(super) fn by(error: &ort::Error) -> Self {
        Reported(one_line(error))
    }
}

/// ONNX Runtime's messages span lines and carry source locations; an error of ours is one line.
pub(super) fn one_line(error: &ort::Error) -> String {
    error.message().split_whitespace().collect::<Vec<_>>().join(" ")
}
