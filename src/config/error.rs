//! Errors in device files and in `model.yaml`.

use std::io;
use std::path::{Path, PathBuf};

use crate::support::wording::in_plain_words;

/// An invalid configuration. Every message names the file, and the line and column if the YAML has one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file could not be read.
    #[error("{}: cannot read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No device file was named, and the default one does not exist.
    #[error(
        "no device file: {} does not exist; name one with --config FILE or in EDGEFUSE_CONFIG",
        path.display()
    )]
    NoDeviceFile {
        /// The default that was tried.
        path: PathBuf,
    },
    /// The YAML is malformed, has an unknown key, or a value of the wrong type, unit or range.
    #[error("{}: {problem}", place(path, *line, *column))]
    Yaml {
        /// The file.
        path: PathBuf,
        /// Line, from 1; 0 if the parser did not report a position.
        line: usize,
        /// Column, from 1; 0 if the parser did not report a position.
        column: usize,
        /// What is wrong, with the key and the accepted values.
        problem: String,
    },
    /// A list of texts cannot be used.
    #[error("{}: {problem}", place(path, *line, 0))]
    Texts {
        /// The file.
        path: PathBuf,
        /// Line, from 1; 0 if the error concerns the whole file.
        line: usize,
        /// What is wrong, and what is accepted.
        problem: String,
    },
    /// A model folder has no `model.yaml`.
    #[error(
        "{origin}: no model folder at {} (no model.yaml there); make it with scripts/setup.sh or an exporter in scripts/",
        path.display()
    )]
    NoModelFolder {
        /// The folder that was named.
        path: PathBuf,
        /// Who named it.
        origin: String,
    },
}

impl ConfigError {
    /// The file, and the line and column from 1, if they are known.
    pub fn place(&self) -> (&Path, Option<usize>, Option<usize>) {
        let known = |number: usize| (number > 0).then_some(number);
        match self {
            ConfigError::Yaml { path, line, column, .. } => (path, known(*line), known(*column)),
            ConfigError::Texts { path, line, .. } => (path, known(*line), None),
            ConfigError::Read { path, .. }
            | ConfigError::NoDeviceFile { path }
            | ConfigError::NoModelFolder { path, .. } => (path, None, None),
        }
    }

    /// Wraps an error of the YAML parser, keeping its position.
    pub(super) fn yaml(path: &Path, error: &serde_yaml::Error) -> Self {
        let (line, column) = error.location().map_or((0, 0), |place| (place.line(), place.column()));
        let mut problem = error.to_string();
        if line > 0 {
            // serde_yaml ends its message with the position, which the message already starts with.
            let place = format!(" at line {line} column {column}");
            if let Some(at) = problem.rfind(&place) {
                problem.truncate(at);
            }
        }
        ConfigError::Yaml {
            path: path.to_path_buf(),
            line,
            column,
            problem: in_plain_words(&problem.replace('\n', " ")),
        }
    }
}

/// `file:line:column`, without the parts that are 0.
fn place(path: &Path, line: usize, column: usize) -> String {
    match (line, column) {
        (0, _) => path.display().to_string(),
        (_, 0) => format!("{}:{line}", path.display()),
        _ => format!("{}:{line}:{column}", path.display()),
    }
}
