//! Loads the device file and applies the command line's overrides.

use std::env;
use std::path::PathBuf;
use std::sync::Arc;

use edgefuse::config::model_folder::ModelFolder;
use edgefuse::config::{ConfigError, Device};
use edgefuse::engine::{Engine, library_file};
use edgefuse::error::Error;

use crate::cli::args::Global;
use crate::cli::say;

/// Environment variable that names the device file.
const VARIABLE: &str = "EDGEFUSE_CONFIG";

/// The device file that is read where none is named.
const DEFAULT: &str = "configs/cpu.yaml";

/// Reads the device file; `--model` takes the place of its model of the same kind, which must be one of `kinds`: those
/// that the command uses, the one it is about first.
pub(super) fn device(global: &Global, kinds: &[&'static str]) -> Result<Device, Error> {
    let mut device = Device::load(&device_file(global)?)?;
    if let Some(name) = &global.model {
        let folder = ModelFolder::load(&device.other_model(name, None)).map_err(Error::Model)?;
        if !kinds.contains(&folder.kind.key()) {
            return Err(Error::WrongKind { path: folder.path, found: folder.kind.name(), wanted: kinds[0] });
        }
        let like = device.model_mut(&folder.kind).clone();
        *device.model_mut(&folder.kind) = Some(device.other_model(name, like.as_ref()));
    }
    Ok(device)
}

/// Where the device file is.
pub(super) fn device_file(global: &Global) -> Result<PathBuf, Error> {
    let named =
        global.config.clone().or_else(|| env::var_os(VARIABLE).filter(|name| !name.is_empty()).map(PathBuf::from));
    let path = named.clone().unwrap_or_else(|| PathBuf::from(DEFAULT));
    if named.is_none() && !path.is_file() {
        return Err(ConfigError::NoDeviceFile { path }.into());
    }
    Ok(path)
}

/// The library that is about to be opened, for whoever has to name it should that end the process.
pub(super) fn library_in_words(device: &Device) -> String {
    match library_file(device.runtime.library.as_deref(), &device.base) {
        Some(path) => path.display().to_string(),
        None => "the system's ONNX Runtime".to_string(),
    }
}

/// ONNX Runtime for the device; a line on standard error now and then while a provider builds.
pub(super) fn engine(global: &Global, device: &Device) -> Result<Arc<Engine>, Error> {
    let engine = Engine::start(&device.runtime, &device.base)?;
    if global.quiet {
        return Ok(Arc::new(engine));
    }
    Ok(Arc::new(engine.with_build_progress(|build| {
        say(&format!("  {}: {} builds it, {:.0} s so far", build.graph, build.provider, build.elapsed.as_secs_f64()));
    })))
}
