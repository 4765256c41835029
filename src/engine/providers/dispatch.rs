//! Converts a device file's provider into ONNX Runtime's.

use std::path::Path;

use ort::ep::{
    self, ArbitrarilyConfigurableExecutionProvider, ArenaExtendStrategy, ExecutionProvider, ExecutionProviderDispatch,
};

use super::CacheKey;
use crate::config::{
    ArenaStrategy, ConvSearch, CpuOptions, CudaOptions, Extra, PassThrough, PassThroughOptions, Provider,
    TensorRtOptions,
};
use crate::engine::error::one_line;

/// ONNX Runtime's names of the providers, and those of a device file.
pub(in crate::engine) const ONNX_RUNTIME_NAMES: [(&str, &str); 8] = [
    (ep::TensorRT::NAME, "tensorrt"),
    (ep::CUDA::NAME, "cuda"),
    (ep::CPU::NAME, "cpu"),
    (ep::XNNPACK::NAME, "xnnpack"),
    (ep::OpenVINO::NAME, "openvino"),
    (ep::ACL::NAME, "acl"),
    (ep::CoreML::NAME, "coreml"),
    (ep::QNN::NAME, "qnn"),
];

/// Whether a provider compiles many nodes into one, so that its nodes cannot be counted afterwards.
pub(in crate::engine) fn compiles(name: &str) -> bool {
    matches!(name, "tensorrt" | "openvino" | "coreml" | "qnn")
}

/// Checks that the library was built with this provider.
pub(super) fn in_library(provider: &Provider) -> Result<(), String> {
    let available = match provider {
        Provider::TensorRt(_) => ep::TensorRT::is_available(),
        Provider::Cuda(_) => ep::CUDA::is_available(),
        Provider::Cpu(_) => Ok(true),
        Provider::PassThrough(PassThrough::Xnnpack, _) => ep::XNNPACK::is_available(),
        Provider::PassThrough(PassThrough::OpenVino, _) => ep::OpenVINO::is_available(),
        Provider::PassThrough(PassThrough::Acl, _) => ep::ACL::is_available(),
        Provider::PassThrough(PassThrough::CoreMl, _) => ep::CoreML::is_available(),
        Provider::PassThrough(PassThrough::Qnn, _) => ep::QNN::is_available(),
    };
    match available {
        Ok(true) => Ok(()),
        Ok(false) => Err("this build of ONNX Runtime does not have it".to_string()),
        Err(error) => Err(one_line(&error)),
    }
}

/// The provider with its options; `cache` is TensorRT's folder of engines.
pub(super) fn dispatch(provider: &Provider, cache: Option<&Path>, key: Option<&CacheKey>) -> ExecutionProviderDispatch {
    match provider {
        Provider::TensorRt(options) => tensorrt(options, cache, key),
        Provider::Cuda(options) => cuda(options),
        Provider::Cpu(options) => cpu(options),
        Provider::PassThrough(which, options) => pass_through(*which, options),
    }
}

/// A graph's own threads are a setting of the session, which is made there.
fn cpu(options: &CpuOptions) -> ExecutionProviderDispatch {
    ep::CPU::default().with_arena_allocator(options.arena).build()
}

fn cuda(options: &CudaOptions) -> ExecutionProviderDispatch {
    let mut cuda = ep::CUDA::default().with_device_id(options.device_id.into());
    if let Some(limit) = options.memory_limit {
        cuda = cuda.with_memory_limit(usize::try_from(limit.bytes()).unwrap_or(usize::MAX));
    }
    if let Some(strategy) = options.arena_strategy {
        cuda = cuda.with_arena_extend_strategy(match strategy {
            ArenaStrategy::NextPowerOfTwo => ArenaExtendStrategy::NextPowerOfTwo,
            ArenaStrategy::SameAsRequested => ArenaExtendStrategy::SameAsRequested,
        });
    }
    if let Some(search) = options.conv_search {
        cuda = cuda.with_conv_algorithm_search(match search {
            ConvSearch::Exhaustive => ep::cuda::ConvAlgorithmSearch::Exhaustive,
            ConvSearch::Heuristic => ep::cuda::ConvAlgorithmSearch::Heuristic,
            ConvSearch::Default => ep::cuda::ConvAlgorithmSearch::Default,
        });
    }
    if let Some(tf32) = options.tf32 {
        cuda = cuda.with_tf32(tf32);
    }
    with_extra(cuda, &options.extra).build()
}

fn tensorrt(options: &TensorRtOptions, cache: Option<&Path>, key: Option<&CacheKey>) -> ExecutionProviderDispatch {
    let mut tensorrt = ep::TensorRT::default()
        .with_device_id(options.device_id.into())
        .with_fp16(options.fp16)
        .with_int8(options.int8);
    if let Some(table) = &options.int8_calibration_table {
        tensorrt = tensorrt.with_int8_calibration_table_name(table);
    }
    if let Some(workspace) = options.workspace {
        tensorrt = tensorrt.with_max_workspace_size(usize::try_from(workspace.bytes()).unwrap_or(usize::MAX));
    }
    if let Some(size) = options.min_subgraph_size {
        tensorrt = tensorrt.with_min_subgraph_size(size as usize);
    }
    if let Some(level) = options.builder_level {
        tensorrt = tensorrt.with_builder_optimization_level(level);
    }
    if let Some(core) = options.dla_core {
        tensorrt = tensorrt.with_dla(true).with_dla_core(core.into());
    }
    if let Some(shapes) = key.and_then(|key| key.profiles) {
        tensorrt = tensorrt
            .with_profile_min_shapes(&shapes.min)
            .with_profile_opt_shapes(&shapes.opt)
            .with_profile_max_shapes(&shapes.max);
    }
    if let Some(folder) = cache {
        let folder = folder.display().to_string();
        tensorrt = tensorrt.with_engine_cache(true).with_engine_cache_path(&folder);
        if options.timing_cache {
            tensorrt = tensorrt.with_timing_cache(true).with_timing_cache_path(&folder);
        }
    }
    with_extra(tensorrt, &options.extra).build()
}

fn pass_through(which: PassThrough, options: &PassThroughOptions) -> ExecutionProviderDispatch {
    let extra = &options.extra;
    match which {
        PassThrough::Xnnpack => with_extra(ep::XNNPACK::default(), extra).build(),
        PassThrough::OpenVino => with_extra(ep::OpenVINO::default(), extra).build(),
        PassThrough::Acl => ep::ACL::default().with_fast_math(extra.get("fast_math") == Some("true")).build(),
        PassThrough::CoreMl => with_extra(ep::CoreML::default(), extra).build(),
        PassThrough::Qnn => with_extra(ep::QNN::default(), extra).build(),
    }
}

fn with_extra<P: ArbitrarilyConfigurableExecutionProvider>(provider: P, extra: &Extra) -> P {
    extra.iter().fold(provider, |provider, (key, value)| provider.with_arbitrary_config(key, value))
}
