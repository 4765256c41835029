//! Registers execution providers and tells which did not load.

use ort::ep::{self, ExecutionProvider, ExecutionProviderDispatch};
use ort::session::builder::SessionBuilder;

use super::error::{EngineError, one_line};
use crate::config::{CudaOptions, OnMissingProvider, Provider, TensorRtOptions};

/// A provider that a device file asked for and that did not load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingProvider {
    /// Its name in the device file.
    pub name: &'static str,
    /// What ONNX Runtime said.
    pub reason: String,
}

/// What became of the providers of one session.
#[derive(Debug, Clone, Default)]
pub(super) struct Registered {
    /// Those that loaded, in order of preference.
    pub active: Vec<&'static str>,
    /// Those that did not.
    pub missing: Vec<MissingProvider>,
}

/// What an engine cache must keep apart: two graphs must never share a folder
/// (onnxruntime #6455: one engine served for another model).
pub(super) struct CacheKey<'a> {
    /// Of the graph and its weights together.
    pub sha256: &'a str,
    pub precision: &'a str,
    pub library_version: &'a str,
}

/// Registers `providers` in order with `builder`. ONNX Runtime's CPU kernels are always there behind them.
///
/// Each is registered by itself and its answer kept: `ort`'s own list drops the answers.
pub(super) fn register(
    builder: &mut SessionBuilder,
    providers: &[Provider],
    on_missing: OnMissingProvider,
    graph: &str,
    key: &CacheKey,
) -> Result<Registered, EngineError> {
    let mut registered = Registered::default();
    for provider in providers {
        let name = provider.name();
        let outcome = match provider {
            // Asked before anything is prepared: an engine cache is not made for a provider that is not there.
            Provider::TensorRt(options) => in_library::<ep::TensorRT>().and_then(|()| tensorrt(options, key)),
            Provider::Cuda(options) => in_library::<ep::CUDA>().map(|()| cuda(options)),
            // `CPU::default()` turns the arena off; with it, buffers are kept from one run to the next.
            Provider::Cpu => Ok(ep::CPU::default().with_arena_allocator(true).build()),
        }
        .and_then(|dispatch| dispatch.register(builder).map_err(|error| one_line(&error)));
        match outcome {
            Ok(()) => registered.active.push(name),
            Err(reason) if on_missing == OnMissingProvider::Error => {
                return Err(EngineError::MissingProvider { graph: graph.to_string(), provider: name, reason });
            }
            Err(reason) => registered.missing.push(MissingProvider { name, reason }),
        }
    }
    if registered.active.is_empty() {
        registered.active.push(Provider::Cpu.name());
    }
    Ok(registered)
}

/// Whether the library was built with this provider.
fn in_library<P: ExecutionProvider>() -> Result<(), String> {
    match P::is_available() {
        Ok(true) => Ok(()),
        Ok(false) => Err("this build of ONNX Runtime does not have it".to_string()),
        Err(error) => Err(one_line(&error)),
    }
}

fn cuda(options: &CudaOptions) -> ExecutionProviderDispatch {
    let mut cuda = ep::CUDA::default().with_device_id(options.device_id);
    if let Some(limit) = options.memory_limit {
        cuda = cuda.with_memory_limit(limit.bytes() as usize);
    }
    cuda.build()
}

fn tensorrt(options: &TensorRtOptions, key: &CacheKey) -> Result<ExecutionProviderDispatch, String> {
    let mut tensorrt = ep::TensorRT::default().with_device_id(options.device_id).with_fp16(options.fp16);
    if let Some(workspace) = options.workspace {
        tensorrt = tensorrt.with_max_workspace_size(workspace.bytes() as usize);
    }
    if let Some(cache) = &options.engine_cache {
        let folder =
            cache.join(format!("{}-{}-ort{}-gpu{}", key.sha256, key.precision, key.library_version, options.device_id));
        std::fs::create_dir_all(&folder)
            .map_err(|error| format!("engine cache {} cannot be written: {error}", folder.display()))?;
        let folder = folder.display().to_string();
        tensorrt = tensorrt
            .with_engine_cache(true)
            .with_engine_cache_path(&folder)
            .with_timing_cache(true)
            .with_timing_cache_path(&folder);
    }
    Ok(tensorrt.build())
}
