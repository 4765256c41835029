//! Errors returned by this crate.

use std::io;
use std::path::PathBuf;

use crate::config::ConfigError;
use crate::engine::EngineError;
use crate::media::audio::AudioError;
use crate::media::image::ImageError;
use crate::media::vector::VectorError;
use crate::support::output_error::OutputError;

/// Errors returned by this crate. The message is one line: what, where, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The device file cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A `model.yaml` cannot be used.
    #[error(transparent)]
    Model(ConfigError),
    /// ONNX Runtime, a graph or an inference failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A sound file cannot be used.
    #[error("{}: {source}", path.display())]
    Audio {
        /// The file.
        path: PathBuf,
        /// Why.
        source: AudioError,
    },
    /// A picture cannot be used.
    #[error("{}: {source}", path.display())]
    Image {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ImageError,
    },
    /// A file with a vector cannot be used.
    #[error("{}: {source}", path.display())]
    Vector {
        /// The file.
        path: PathBuf,
        /// Why.
        source: VectorError,
    },
    /// A tokenizer file cannot be used.
    #[error("{}: not a usable tokenizer: {problem}", path.display())]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// The message of the tokenizer library.
        problem: String,
    },
    /// A chat template cannot be used.
    #[error("{}: not a usable chat template: {problem}", path.display())]
    Template {
        /// The file.
        path: PathBuf,
        /// The message of the template engine.
        problem: String,
    },
    /// The model cannot do what is asked of it.
    #[error("{model}: {problem}")]
    Request {
        /// Name of the model.
        model: String,
        /// The request, and what the model can do.
        problem: String,
    },
    /// The model cannot do it with this input.
    #[error("{problem}")]
    Input {
        /// What is wrong with the input.
        problem: String,
    },
    /// The endpoint of a model did not answer, or not as it should.
    #[error("{model} at {endpoint}: {problem}")]
    Remote {
        /// Name of the model.
        model: String,
        /// Its address, without credentials.
        endpoint: String,
        /// What happened.
        problem: String,
        /// Whether another model may answer instead: it is not due to the request, and nothing of an answer was reported.
        away: bool,
    },
    /// The device file has no model for this.
    #[error("{}: `{user}` needs a model that can {capability}, and none under `models` can", config.display())]
    NoModel {
        /// The device file.
        config: PathBuf,
        /// The required capability.
        capability: &'static str,
        /// The command or step that needs it.
        user: &'static str,
    },
    /// The device file has several models for this, and the step names none.
    #[error("{}: {names} can {capability}; choose one with the option `model` of `{user}`, or set `tasks` of \
         the others", config.display())]
    SeveralModels {
        /// The device file.
        config: PathBuf,
        /// Their names.
        names: String,
        /// Their common capability.
        capability: &'static str,
        /// The command or step that needs it.
        user: &'static str,
    },
    /// A step names a model that the device file does not have.
    #[error("{}: unknown model `{name}`; there are {known}", config.display())]
    UnknownModel {
        /// The device file.
        config: PathBuf,
        /// The name.
        name: String,
        /// The names of all models.
        known: String,
    },
    /// Too many requests wait already.
    #[error("{waiting} requests are waiting already; try again later, or raise `runtime.requests`")]
    Overloaded {
        /// How many wait.
        waiting: usize,
    },
    /// A model folder holds another kind of model.
    #[error("{}: the model is of kind `{found}`, but `{wanted}` is needed", path.display())]
    WrongKind {
        /// The folder.
        path: PathBuf,
        /// Its kind.
        found: &'static str,
        /// The kind needed.
        wanted: &'static str,
    },
    /// A model does not fit into the memory budget.
    #[error(
        "{model}: needs {needed} ({source_of_figure}) beside {base} of the program itself, more than `runtime.memory_budget` of \
         {budget}; choose a smaller precision or model, or a larger budget"
    )]
    Budget {
        /// Name of the model.
        model: String,
        /// Bytes that it needs.
        needed: crate::config::ByteSize,
        /// Source of that figure.
        source_of_figure: &'static str,
        /// Bytes of the process without models.
        base: crate::config::ByteSize,
        /// The budget.
        budget: crate::config::ByteSize,
    },
    /// Graphs of a model cannot be loaded or run here.
    #[error("{model}: cannot load or run {graphs} here")]
    Unfit {
        /// Name of the model.
        model: String,
        /// Roles of the graphs.
        graphs: String,
    },
    /// A bundle cannot be packed.
    #[error("bundle: {problem}")]
    Bundle {
        /// What is missing or does not fit, and what to do.
        problem: String,
    },
    /// A file or folder of inputs cannot be read.
    #[error("{}: cannot read: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Results must not be written there.
    #[error("{}: {problem}", path.display())]
    Output {
        /// The output file or folder.
        path: PathBuf,
        /// Why not, and what to do.
        problem: String,
    },
    /// Results cannot be written, or another process is writing them.
    #[error(transparent)]
    File(#[from] OutputError),
}

impl Error {
    /// Whether the error concerns one input only, so that others can still be processed.
    pub fn is_about_input(&self) -> bool {
        match self {
            Error::Audio { .. }
            | Error::Image { .. }
            | Error::Vector { .. }
            | Error::Input { .. }
            | Error::Remote { .. }
            | Error::Read { .. } => true,
            Error::Engine(error) => {
                matches!(
                    error,
                    EngineError::Run { .. }
                        | EngineError::Fed { .. }
                        | EngineError::Shape { .. }
                        | EngineError::NotFinite { .. }
                        | EngineError::OutOfRange { .. }
                )
            }
            _ => false,
        }
    }

    /// Exit code of the command line: 1 an input failed, 2 wrong usage or configuration
    /// or an output that cannot be written, 3 the library or a model cannot be loaded.
    pub fn exit_code(&self) -> u8 {
        match self {
            error if error.is_about_input() => 1,
            Error::Config(_)
            | Error::Request { .. }
            | Error::NoModel { .. }
            | Error::SeveralModels { .. }
            | Error::UnknownModel { .. }
            | Error::Bundle { .. }
            | Error::Output { .. }
            | Error::File(_) => 2,
            _ => 3,
        }
    }
}
