//! Loads the device file and applies the command line's overrides.

use std::env;
use std::path::PathBuf;
use std::sync::Arc;

use edgefuse::config::{ConfigError, Device, ModelEntry};
use edgefuse::engine::{Engine, library_file};
use edgefuse::error::Error;
use edgefuse::models::{choose_model, read_folder};

use crate::cli::args::Global;
use crate::cli::say;

/// Environment variable that names the device file.
const VARIABLE: &str = "EDGEFUSE_CONFIG";

/// The device file that is read where none is named.
const DEFAULT: &str = "configs/cpu.yaml";

/// Reads the device file; `--model` takes the place of its models that can do the same. It must be able to do one of
/// `tasks`, if there are any: what the command needs models for, its main task first.
pub(super) fn device(global: &Global, tasks: &[&'static str]) -> Result<Device, Error> {
    let mut device = Device::load(&device_file(global)?)?;
    if let Some(name) = &global.model {
        let key = replace(&mut device, name)?;
        let (_, folder) = choose_model(&device, main_task(&device, &key, tasks)?, Some(&key), "--model")?;
        debug_assert!(tasks.is_empty() || folder.capabilities().iter().any(|task| tasks.contains(task)));
    }
    Ok(device)
}

/// What the model called `key` is to do for a command that needs models for `tasks`: one of them that it can, or else the
/// first.
fn main_task(device: &Device, key: &str, tasks: &[&'static str]) -> Result<&'static str, Error> {
    let can = read_folder(&device.models[key])?.capabilities();
    let wanted = tasks.iter().copied().find(|task| can.contains(task)).or(tasks.first().copied());
    Ok(wanted.or(can.first().copied()).unwrap_or_default())
}

/// Puts the model `name` in the place of those that can do the same; returns what it is called under `models`.
fn replace(device: &mut Device, name: &str) -> Result<String, Error> {
    let listed = device.models.get(name).cloned();
    let entry = listed.clone().unwrap_or_else(|| device.other_model(name, None));
    let can = read_folder(&entry)?.capabilities();
    let same = |entry: &ModelEntry| {
        // A model that cannot be read does not keep this one from being used.
        read_folder(entry).is_ok_and(|folder| folder.capabilities().iter().any(|task| can.contains(task)))
    };
    let replaced: Vec<String> =
        device.models.iter().filter(|(_, entry)| same(entry)).map(|(key, _)| key.clone()).collect();
    let (key, entry) = match (listed, replaced.first()) {
        (Some(entry), _) => (name.to_string(), entry),
        (None, Some(first)) => (first.clone(), device.other_model(name, device.models.get(first))),
        (None, None) => ("chosen".to_string(), entry),
    };
    replaced.iter().for_each(|key| drop(device.models.remove(key)));
    device.models.insert(key.clone(), entry);
    for step in &mut device.pipeline {
        if step.options().model().is_some_and(|model| replaced.iter().any(|key| key == model)) {
            step.options_mut().set_model(key.clone());
        }
    }
    Ok(key)
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
