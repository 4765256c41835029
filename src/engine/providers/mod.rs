//! Registers execution providers and reports those that did not load.

mod cache;
mod dispatch;

use ort::session::builder::SessionBuilder;

use super::error::{EngineError, one_line};
use crate::config::{OnMissingProvider, Provider};

pub(super) use cache::CacheKey;
pub(super) use dispatch::{ONNX_RUNTIME_NAMES, compiles};

/// A requested provider that could not be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingProvider {
    /// Its name in the device file.
    pub name: &'static str,
    /// What ONNX Runtime said.
    pub reason: String,
}

/// Result of registering the providers of one session.
#[derive(Debug, Clone, Default)]
pub(super) struct Registered {
    /// The providers that loaded, in order of preference.
    pub active: Vec<&'static str>,
    /// The providers that did not load.
    pub missing: Vec<MissingProvider>,
}

/// Registers `providers` in order with `builder`. ONNX Runtime always falls back to its CPU kernels.
///
/// Each is registered separately to keep its result: `ort` drops the results of a list.
pub(super) fn register(
    builder: &mut SessionBuilder,
    providers: &[Provider],
    on_missing: OnMissingProvider,
    graph: &str,
    key: Option<&CacheKey>,
) -> Result<Registered, EngineError> {
    let mut registered = Registered::default();
    for provider in providers {
        let name = provider.name();
        // Checked before anything is prepared: no engine cache is created for a missing provider.
        let outcome = dispatch::in_library(provider);
        let cache = match (&outcome, provider, key) {
            (Ok(()), Provider::TensorRt(options), Some(key)) => cache::folder(options, key)?,
            _ => None,
        };
        let outcome = outcome
            .map(|()| dispatch::dispatch(provider, cache.as_deref(), key))
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
        registered.active.push("cpu");
    }
    Ok(registered)
}

/// The names of the providers that the library was built with.
pub(super) fn in_library() -> Vec<&'static str> {
    let there = Provider::every().filter(|provider| dispatch::in_library(provider).is_ok());
    there.map(|provider| provider.name()).collect()
}
