//! Options of the CUDA provider.

use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::extra::Extra;
use crate::config::units::ByteSize;

/// Options of the CUDA provider; absent ones have ONNX Runtime's defaults.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CudaOptions {
    /// GPU number.
    pub device_id: u16,
    /// Maximum GPU memory of its arena.
    pub memory_limit: Option<ByteSize>,
    /// Growth strategy of the arena.
    pub arena_strategy: Option<ArenaStrategy>,
    /// Selection of convolution algorithms.
    pub conv_search: Option<ConvSearch>,
    /// Whether matrix products may use TF32, which keeps 19 of the 32 bits (Ampere and newer).
    pub tf32: Option<bool>,
    /// Rejected if `true`: see `no_cuda_graph`.
    #[serde(deserialize_with = "no_cuda_graph")]
    pub cuda_graph: bool,
    /// Further options by ONNX Runtime's names.
    pub extra: Extra,
}

/// Growth strategy of the GPU memory arena.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArenaStrategy {
    /// By powers of two: fewer allocations.
    NextPowerOfTwo,
    /// By the requested size: less memory.
    SameAsRequested,
}

/// Selection of cuDNN's convolution algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConvSearch {
    /// Tries all of them: the first run of each shape is slow.
    Exhaustive,
    /// Heuristic based on shapes.
    Heuristic,
    /// Always the one that needs the least memory.
    Default,
}

/// Rejects `cuda_graph: true`. A captured graph is replayed on the buffers it was captured with, ignoring the inputs of
/// the run; tensors here have new buffers every run, so every later result would repeat the first.
pub(super) fn no_cuda_graph<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    match bool::deserialize(deserializer)? {
        false => Ok(false),
        true => Err(D::Error::custom(
            "cuda_graph: true cannot be used: a captured graph is replayed on its first inputs, and every later result \
             would be wrong; leave it out",
        )),
    }
}
