//! Loads the device file and applies the command line's overrides.

use std::collections::BTreeSet;
use std::env;
use std::path::PathBuf;
use std::sync::Arc;

use edgefuse::config::model_folder::{ModelFolder, capability};
use edgefuse::config::{ConfigError, Device, ModelEntry};
use edgefuse::engine::{Engine, library_file};
use edgefuse::error::Error;
use edgefuse::models::{choose_model, read_folder, with_encoders};

use crate::cli::args::Global;
use crate::cli::say;

/// Environment variable that names the device file.
const VARIABLE: &str = "EDGEFUSE_CONFIG";

/// The default device files: a clone's, and the one that the Debian package installs.
const DEFAULTS: [&str; 2] = ["configs/cpu.yaml", "/etc/edgefuse/device.yaml"];

/// Reads the device file; `--model` replaces its models for the same task. That model must be able to do one of
/// `tasks`, if there are any: the tasks that the command needs models for, main task first.
pub(super) fn device(global: &Global, tasks: &[&'static str]) -> Result<Device, Error> {
    Ok(device_and_choice(global, tasks)?.0)
}

/// As [`device`], with the name under `models` of the model that `--model` chooses.
pub(super) fn device_and_choice(global: &Global, tasks: &[&'static str]) -> Result<(Device, Option<String>), Error> {
    let mut device = Device::load(&device_file(global)?)?;
    let Some(name) = &global.model else { return Ok((with_encoders(device), None)) };
    let key = replace(&mut device, name)?;
    let (_, folder) = choose_model(&device, main_task(&device, &key, tasks)?, Some(&key), "--model")?;
    debug_assert!(tasks.is_empty() || folder.capabilities().iter().any(|task| tasks.contains(task)));
    Ok((with_encoders(device), Some(key)))
}

/// What the model called `key` does for a command that needs models for `tasks`: the first of them that it can do, or
/// else the first of all.
fn main_task(device: &Device, key: &str, tasks: &[&'static str]) -> Result<&'static str, Error> {
    let can = read_folder(&device.models[key])?.capabilities();
    let wanted = tasks.iter().copied().find(|task| can.contains(task)).or(tasks.first().copied());
    Ok(wanted.or(can.first().copied()).unwrap_or_default())
}

/// What a model is for. Embeddings are a by-product of models for different tasks, which do not replace one another.
fn tasks_of(folder: &ModelFolder) -> Vec<&'static str> {
    let mut tasks = folder.capabilities();
    if tasks.iter().any(|task| *task != capability::EMBED) {
        tasks.retain(|task| *task != capability::EMBED);
    }
    tasks
}

/// Replaces the models for the same task by the model `name`; returns its name under `models`.
fn replace(device: &mut Device, name: &str) -> Result<String, Error> {
    let listed = device.models.get(name).cloned();
    let entry = listed.clone().unwrap_or_else(|| device.other_model(name, None));
    let tasks = tasks_of(&read_folder(&entry)?);
    let same = |entry: &ModelEntry| {
        // An unreadable model does not prevent this one from being used.
        let used = |task: &str| entry.tasks.as_ref().is_none_or(|tasks| tasks.iter().any(|used| used == task));
        read_folder(entry).is_ok_and(|folder| tasks_of(&folder).iter().any(|task| tasks.contains(task) && used(task)))
    };
    let replaced: Vec<String> =
        device.models.iter().filter(|(_, entry)| same(entry)).map(|(key, _)| key.clone()).collect();
    // A student's encoder stays what it is; only tasks choose another model.
    let encoders: BTreeSet<String> =
        device.models.values().flat_map(|entry| entry.encoders.values().cloned()).collect();
    let gone = replaced.iter().find(|key| !encoders.contains(*key));
    let (key, entry) = match (listed, gone.or(replaced.first())) {
        (Some(entry), _) => (name.to_string(), entry),
        (None, Some(first)) => {
            let key = gone.map_or_else(|| "chosen".to_string(), String::clone);
            (key, device.other_model(name, device.models.get(first)))
        }
        (None, None) => ("chosen".to_string(), entry),
    };
    for key in &replaced {
        match device.models.get_mut(key).filter(|_| encoders.contains(key)) {
            Some(entry) => entry.tasks = Some(Vec::new()),
            None => drop(device.models.remove(key)),
        }
    }
    device.models.insert(key.clone(), ModelEntry { tasks: None, ..entry });
    for step in &mut device.pipeline {
        if step.options().model().is_some_and(|model| replaced.iter().any(|key| key == model)) {
            step.options_mut().set_model(key.clone());
        }
    }
    Ok(key)
}

/// Path of the device file.
pub(super) fn device_file(global: &Global) -> Result<PathBuf, Error> {
    let named =
        global.config.clone().or_else(|| env::var_os(VARIABLE).filter(|name| !name.is_empty()).map(PathBuf::from));
    if let Some(path) = named {
        return Ok(path);
    }
    let default = DEFAULTS.iter().map(PathBuf::from).find(|path| path.is_file());
    default.ok_or_else(|| ConfigError::NoDeviceFile { path: DEFAULTS[0].into() }.into())
}

/// The library that is about to be opened, to be reported in case that kills the process.
pub(super) fn library_in_words(device: &Device) -> String {
    match library_file(device.runtime.library.as_deref(), &device.base) {
        Some(path) => path.display().to_string(),
        None => "the system's ONNX Runtime".to_string(),
    }
}

/// ONNX Runtime for the device; reports progress on standard error while a provider builds engines.
pub(super) fn engine(global: &Global, device: &Device) -> Result<Arc<Engine>, Error> {
    let engine = Engine::start(&device.runtime, &device.base)?;
    if global.quiet {
        return Ok(Arc::new(engine));
    }
    Ok(Arc::new(engine.with_build_progress(|build| {
        say(&format!(
            "  {}: {} is building it, {:.0} s so far",
            build.graph,
            build.provider,
            build.elapsed.as_secs_f64()
        ));
    })))
}
