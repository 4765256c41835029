//! Options of ONNX Runtime's CPU kernels.

use serde::de::{Deserializer, Error};

use crate::config::runtime::count;

/// Options of the CPU provider.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CpuOptions {
    /// Whether buffers are kept from one run to the next: faster, but the memory of the largest run stays allocated.
    pub arena: bool,
    /// Whether all buffers of a run are planned ahead, for each shape of the inputs: memory grows with every new length
    /// of sound or text.
    pub memory_pattern: bool,
    /// Threads of the graph's own pool, 1 to 1024, instead of the pool that all sessions share.
    #[serde(deserialize_with = "threads")]
    pub threads: Option<usize>,
    /// Whether the threads of the graph's own pool spin while idle; `runtime.threads.spinning` if absent.
    pub spinning: Option<bool>,
}

impl Default for CpuOptions {
    fn default() -> Self {
        CpuOptions { arena: true, memory_pattern: false, threads: None, spinning: None }
    }
}

fn threads<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    match count(deserializer)? {
        Some(0) => Err(D::Error::custom("threads: 0; leave it out for the pool that all sessions share")),
        threads => Ok(threads),
    }
}
