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
        "ONNX Runtime not found; tried {}; run scripts/setup.sh, or name the library in `runtime.library` or ORT_DYLIB_PATH",
        tried.join(", ")
    )]
    LibraryNotFound {
        /// Where it was looked for, in order.
        tried: Vec<String>,
    },
    /// A file was found where the library should be, and it cannot serve.
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
    /// ONNX Runtime's telemetry cannot be turned off any more.
    #[error(
        "ONNX Runtime would report to its maker: set ORT_DISABLE_TELEMETRY=1 before the program starts, or call \
         edgefuse::engine::disable_telemetry() before it starts threads"
    )]
    Telemetry,
    /// An execution provider did not load, and the device file says that this is an error.
    #[error("{graph}: execution provider `{provider}` did not load: {reason} (`on_missing_provider: error`)")]
    MissingProvider {
        /// The graph that was being loaded.
        graph: String,
        /// The provider, as the device file names it.
        provider: &'static str,
        /// What ONNX Runtime said.
        reason: String,
    },
    /// Execution providers loaded, and ONNX Runtime placed every node of the graph on the CPU all the same.
    #[error(
        "{graph}: `{providers}` loaded but took none of the graph's nodes, all are on the CPU (`on_missing_provider: error`)"
    )]
    FellBack {
        /// The graph.
        graph: String,
        /// The providers that took nothing.
        providers: String,
    },
    /// The nodes of a graph lie elsewhere than the device file's `require` says.
    #[error("{graph}: `require` asks for {required}; found {found}")]
    Placement {
        /// The graph.
        graph: String,
        /// What was asked for.
        required: String,
        /// Where the nodes lie.
        found: String,
    },
    /// TensorRT was asked to run graphs with operators that only ONNX Runtime itself knows.
    #[error(
        "{model}: the graphs are in dialect `ort`, whose fused operators TensorRT does not know and leaves to others; export \
         the model with `--dialect standard`, or name other `execution_providers` for it"
    )]
    Dialect {
        /// Name of the model.
        model: String,
    },
    /// The folder for TensorRT's engines cannot be made or written.
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
    /// The model has no graph in the precision that the device file asks for.
    #[error("{model}: no graph `{graph}` in precision `{wanted}`; the folder has {}", available.join(", "))]
    Precision {
        /// Name of the model.
        model: String,
        /// Role of the graph.
        graph: String,
        /// The precision asked for.
        wanted: String,
        /// The precisions that are there.
        available: Vec<String>,
    },
    /// The library is too old for the graph in the precision that the device file asks for.
    #[error(
        "{graph}: precision `{precision}` needs ONNX Runtime {needed} or newer on this processor, and {library} is loaded; {}install \
         a newer one",
        if usable.is_empty() { String::new() } else { format!("use precision {}, or ", usable.join(" or ")) }
    )]
    TooOld {
        /// The graph, `model/role`.
        graph: String,
        /// The precision asked for.
        precision: String,
        /// The least version that can run it.
        needed: RuntimeVersion,
        /// Version and file of the library that is loaded.
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
    /// A graph keeps a tensor in a file that is not its listed weights file.
    #[error("{}: {problem}; the model may have been tampered with: export it again", path.display())]
    ExternalData {
        /// The graph file.
        path: PathBuf,
        /// Which tensor, and where its data lies.
        problem: String,
    },
    /// A model fed a graph otherwise than its `model.yaml` says; `model.yaml` describes another model.
    #[error("{graph}: input `{tensor}`: {problem}; model.yaml does not fit the model: export it again")]
    Fed {
        /// The graph.
        graph: String,
        /// The role of the tensor.
        tensor: String,
        /// What was given and what is wanted.
        problem: String,
    },
    /// The graph and `model.yaml` do not agree about a tensor.
    #[error("{}: {problem}; graph and model.yaml do not belong together: export the model again", path.display())]
    Tensors {
        /// The graph file.
        path: PathBuf,
        /// Which tensor, and how it differs.
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
    /// ONNX Runtime failed while running a graph or making a tensor.
    #[error("{graph}: inference failed: {source}")]
    Run {
        /// The graph.
        graph: String,
        /// What ONNX Runtime said.
        source: Reported,
    },
    /// A graph fails whatever it is fed: ONNX Runtime has no kernel for it on this processor, say.
    #[error(
        "{graph}: cannot run here, whatever the input: {source}; use another precision or another version of ONNX Runtime"
    )]
    Unfit {
        /// The graph.
        graph: String,
        /// What ONNX Runtime said of made input.
        source: Reported,
    },
    /// `model.yaml` describes an input too large to be made.
    #[error(
        "`{tensor}` of shape {shape:?} in model.yaml is larger than any input that is known: export the model again"
    )]
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
    /// A graph returned values outside the range that their meaning has.
    #[error("{graph}: output `{tensor}` has the value {value}, outside of {range}; the model is damaged")]
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
    /// A graph gave a tensor of another shape than `model.yaml` says.
    #[error("{graph}: output `{tensor}` has shape {found:?}, not {expected}; export the model again")]
    Shape {
        /// The graph.
        graph: String,
        /// The tensor.
        tensor: String,
        /// Its shape.
        found: Vec<usize>,
        /// The shape it should have.
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
