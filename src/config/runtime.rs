//! Where ONNX Runtime is, and which threads and memory it may use.

use std::path::PathBuf;

use serde::Deserialize;

use super::units::ByteSize;

/// Where ONNX Runtime is and what it may use.
#[derive(Debug, Clone)]
pub struct Runtime {
    /// The shared library, where the file names one.
    pub library: Option<PathBuf>,
    /// Memory that loaded models may take together.
    pub memory_budget: Option<ByteSize>,
    /// The thread pools that all sessions share.
    pub threads: Threads,
    /// What to do when an execution provider does not load.
    pub on_missing_provider: OnMissingProvider,
}

/// Threads of the pools that all sessions share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Threads {
    /// Threads inside one operator; 0 leaves the choice to ONNX Runtime (one a physical core).
    pub intra: usize,
    /// Operators that run side by side.
    pub inter: usize,
    /// Whether idle threads spin: lower latency, but a busy core between inferences.
    pub spinning: bool,
}

impl Default for Threads {
    fn default() -> Self {
        Threads { intra: 0, inter: 1, spinning: false }
    }
}

/// What to do when an execution provider that the file asks for does not load.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnMissingProvider {
    /// Say so and go on with the next provider.
    #[default]
    Fallback,
    /// Refuse to run.
    Error,
}
