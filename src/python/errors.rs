//! Errors as exceptions of `edgefuse.errors`.

use std::path::Path;

use pyo3::prelude::*;

use crate::config::ConfigError;
use crate::engine::EngineError;
use crate::error::Error;
use crate::request::Stopped;

/// The exception for an error of the library.
pub fn of(py: Python<'_>, error: &Error) -> PyErr {
    let message = error.to_string();
    match error {
        Error::Config(error) | Error::Model(error) => config(py, error),
        Error::NoModel { config, .. } | Error::SeveralModels { config, .. } | Error::UnknownModel { config, .. } => {
            exception(py, "ConfigError", (message, text(config), None::<usize>, None::<usize>))
        }
        Error::Engine(EngineError::Stopped(Stopped::Cancelled)) => exception(py, "Cancelled", (message,)),
        Error::Engine(EngineError::Stopped(Stopped::DeadlinePassed)) => exception(py, "DeadlinePassed", (message,)),
        Error::Engine(
            EngineError::LibraryNotFound { .. } | EngineError::LibraryUnusable { .. } | EngineError::Telemetry,
        ) => exception(py, "LibraryError", (message,)),
        Error::Overloaded { .. } => exception(py, "Overloaded", (message,)),
        Error::Request { .. } => exception(py, "OptionError", (message,)),
        error if error.is_about_input() => exception(py, "InputError", (message,)),
        _ => exception(py, "ModelError", (message,)),
    }
}

/// The exception for a configuration that cannot be used.
pub fn config(py: Python<'_>, error: &ConfigError) -> PyErr {
    let (file, line, column) = error.place();
    exception(py, "ConfigError", (error.to_string(), text(file), line, column))
}

/// The exception for options that cannot be used.
pub fn option(py: Python<'_>, problem: String) -> PyErr {
    exception(py, "OptionError", (problem,))
}

/// The exception for the use of a pipeline of the process `owner` in its forked child.
pub fn fork(py: Python<'_>, owner: u32) -> PyErr {
    let problem = format!(
        "ONNX Runtime was started in process {owner}, before this one was forked from it, and its threads are missing \
         here; start processes with multiprocessing's `spawn` or `forkserver`, or create the first Pipeline after the fork"
    );
    exception(py, "ForkError", (problem,))
}

fn text(path: &Path) -> Option<String> {
    Some(path.display().to_string()).filter(|path| !path.is_empty())
}

fn exception<'py, A: pyo3::call::PyCallArgs<'py>>(py: Python<'py>, class: &str, arguments: A) -> PyErr {
    let made = py.import("edgefuse.errors").and_then(|errors| errors.getattr(class)?.call1(arguments));
    made.map_or_else(|problem| problem, PyErr::from_value)
}
