//! Options of the TensorRT provider.

use std::path::PathBuf;

use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::cuda::no_cuda_graph;
use super::extra::Extra;
use crate::config::units::ByteSize;

/// Options of the TensorRT provider. The shapes that engines are built for come from the model folder (`profiles` in
/// `model.yaml`).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TensorRtOptions {
    /// GPU number.
    pub device_id: u16,
    /// Whether engines may use half precision.
    pub fp16: bool,
    /// Whether engines may use 8-bit integers; needs a calibration table, or a graph with quantisation nodes.
    pub int8: bool,
    /// Name of the calibration table in the engine cache, for `int8`.
    pub int8_calibration_table: Option<String>,
    /// Folder for built engines, with one subfolder per graph.
    pub engine_cache: Option<PathBuf>,
    /// Whether measured kernel times are kept beside the engines: later builds for the same GPU are faster.
    pub timing_cache: bool,
    /// Scratch memory while an engine is built.
    pub workspace: Option<ByteSize>,
    /// Minimum number of nodes for an engine.
    pub min_subgraph_size: Option<u32>,
    /// Effort of TensorRT's search for fast kernels, 0 to 5.
    #[serde(deserialize_with = "builder_level")]
    pub builder_level: Option<u8>,
    /// Number of the deep learning accelerator (Jetson Xavier and Orin) for the nodes that it supports.
    pub dla_core: Option<u16>,
    /// Rejected if `true`, as for `cuda`.
    #[serde(deserialize_with = "no_cuda_graph")]
    pub cuda_graph: bool,
    /// Further options by ONNX Runtime's names (`trt_...`).
    pub extra: Extra,
}

impl Default for TensorRtOptions {
    fn default() -> Self {
        TensorRtOptions {
            device_id: 0,
            fp16: false,
            int8: false,
            int8_calibration_table: None,
            engine_cache: None,
            timing_cache: true,
            workspace: None,
            min_subgraph_size: None,
            builder_level: None,
            dla_core: None,
            cuda_graph: false,
            extra: Extra::default(),
        }
    }
}

fn builder_level<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u8>, D::Error> {
    match u8::deserialize(deserializer)? {
        level @ 0..=5 => Ok(Some(level)),
        level => Err(D::Error::custom(format!("builder_level: {level} is not within 0 to 5"))),
    }
}
