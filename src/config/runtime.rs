//! The location of ONNX Runtime, and the threads and memory it may use.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use super::units::ByteSize;

/// Limit, because ONNX Runtime starts all threads; more than any board can use.
pub(super) const MOST_THREADS: usize = 1_024;

/// Location and resources of ONNX Runtime.
#[derive(Debug, Clone, Default)]
pub struct Runtime {
    /// The shared library, if the file names one.
    pub library: Option<PathBuf>,
    /// Whether the file names it by a relative path.
    pub library_is_relative: bool,
    /// Resident memory that the whole process may take.
    pub memory_budget: Option<ByteSize>,
    /// The thread pools that all sessions share.
    pub threads: Threads,
    /// What to do if an execution provider cannot be loaded.
    pub on_missing_provider: OnMissingProvider,
    /// Whether results contain the execution providers of the graphs' nodes.
    pub report_placement: bool,
    /// A model that has been idle for this long is unloaded; never if `None`.
    pub idle_unload: Option<Duration>,
    /// How many requests are processed at once, and how many may wait.
    pub requests: Requests,
}

/// Limits of the requests that share a device's models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, expecting = "`requests` must be a mapping such as `{at_once: 4, waiting: 64}`")]
pub struct Requests {
    /// Requests that are processed at once; each holds its own decoding state in memory.
    #[serde(deserialize_with = "at_least_one")]
    pub at_once: usize,
    /// Requests that may wait beyond those; more are refused.
    pub waiting: usize,
}

impl Requests {
    /// Maximum number of accepted requests: those that are processed and those that wait.
    pub fn most(&self) -> usize {
        self.at_once.saturating_add(self.waiting)
    }
}

impl Default for Requests {
    fn default() -> Self {
        Requests { at_once: 4, waiting: 64 }
    }
}

fn at_least_one<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    match usize::deserialize(deserializer)? {
        0 => Err(D::Error::custom("requests.at_once: must be at least 1")),
        count => Ok(count),
    }
}

/// Threads of the pools that all sessions share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threads {
    /// Threads inside one operator; 0 leaves the choice to ONNX Runtime (one per physical core).
    pub intra: usize,
    /// Operators that run in parallel.
    pub inter: usize,
    /// Whether idle threads spin: lower latency, but a busy core between inferences.
    pub spinning: bool,
}

impl Default for Threads {
    fn default() -> Self {
        Threads { intra: 0, inter: 1, spinning: false }
    }
}

/// What to do if a requested execution provider cannot be loaded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnMissingProvider {
    /// Warn and continue with the next provider.
    #[default]
    Fallback,
    /// Refuse to run.
    Error,
}

/// Reads a number of threads.
pub(super) fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    struct Count;

    impl Visitor<'_> for Count {
        type Value = usize;

        fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
            write!(formatter, "a number of threads up to {MOST_THREADS}")
        }

        fn visit_u64<E: Error>(self, count: u64) -> Result<usize, E> {
            usize::try_from(count)
                .ok()
                .filter(|&count| count <= MOST_THREADS)
                .ok_or_else(|| E::custom(format!("{count} threads are more than {MOST_THREADS}")))
        }
    }

    deserializer.deserialize_any(Count).map(Some)
}
