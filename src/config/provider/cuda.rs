//! Options of the CUDA provider.

use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::extra::Extra;
use crate::config::units::ByteSize;

/// Options of the CUDA provider; what is not given is ONNX Runtime's default.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CudaOptions {
    /// GPU number.
    pub device_id: u16,
    /// Most GPU memory its arena may take.
    pub memory_limit: Option<ByteSize>,
    /// By how much the arena grows.
    pub arena_strategy: Option<ArenaStrategy>,
    /// How a convolution's algorithm is chosen.
    pub conv_search: Option<ConvSearch>,
    /// Whether products of 32-bit floats may be taken of 19 bits of them (Ampere and newer).
    pub tf32: Option<bool>,
    /// Refused where it is `true`: see `no_cuda_graph`.
    #[serde(deserialize_with = "no_cuda_graph")]
    pub cuda_graph: bool,
    /// Further options by ONNX Runtime's names.
    pub extra: Extra,
}

/// By how much the arena of GPU memory grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArenaStrategy {
    /// By powers of two: fewer allocations.
    NextPowerOfTwo,
    /// By what is asked for: less memory.
    SameAsRequested,
}

/// How cuDNN's algorithm for a convolution is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConvSearch {
    /// Each is tried: slow first runs, one for each new shape.
    Exhaustive,
    /// A guess from shapes.
    Heuristic,
    /// Always the same one, which takes least memory.
    Default,
}

/// Refuses `cuda_graph: true`. A captured graph is replayed on the buffers it was captured with, without a look at the
/// inputs of the run; tensors here have new buffers every run, so every result after the first would be the first again.
pub(super) fn no_cuda_graph<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    match bool::deserialize(deserializer)? {
        false => Ok(false),
        true => Err(D::Error::custom(
            "cuda_graph: true cannot be used: a captured graph is replayed on its first inputs, and every later result \
             would be wrong; leave it out",
        )),
    }
}
