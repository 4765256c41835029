//! `doctor`: what will run where, and why not.

use std::io::{self, Write};
use std::path::Path;
use std::time::Instant;

use edgefuse::config::model_folder::ModelFolder;
use edgefuse::config::{ByteSize, Device, ModelEntry, Provider};
use edgefuse::engine::{Engine, GraphFile, SessionOptions, resident_bytes};
use edgefuse::error::Error;
use serde::Serialize;

use super::start::device;
use crate::cli::args::{Format, Global};
use crate::cli::{Outcome, Stop};

#[derive(Serialize)]
struct Report {
    device: String,
    config: String,
    cores: usize,
    memory_total: Option<ByteSize>,
    memory_available: Option<ByteSize>,
    memory_budget: Option<ByteSize>,
    library: LibraryReport,
    providers: Vec<ProviderReport>,
    models: Vec<ModelReport>,
    fit: bool,
}

#[derive(Serialize, Default)]
struct LibraryReport {
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found_by: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Serialize)]
struct ProviderReport {
    name: &'static str,
    loads: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Serialize)]
struct ModelReport {
    kind: &'static str,
    path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    precision: String,
    graphs: Vec<GraphReport>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Serialize)]
struct GraphReport {
    role: String,
    provider: &'static str,
    sha256: String,
    bytes: ByteSize,
    load_ms: f64,
    resident: Option<ByteSize>,
}

/// Loads everything the device file names, one model after the other, and tells what came of it.
pub(in crate::cli) fn doctor(global: &Global) -> Result<Outcome, Stop> {
    super::no_subtitles(global)?;
    let device = device(global, super::ALL_KINDS)?;
    let report = examine(&device);
    let text = match global.format {
        Format::Json => serde_json::to_string(&report).map_err(io::Error::from).map_err(Stop::Output)? + "\n",
        _ => report.to_string(),
    };
    io::stdout().lock().write_all(text.as_bytes()).map_err(Stop::Output)?;
    Ok(if report.fit { Outcome::Done } else { Outcome::Unfit })
}

fn examine(device: &Device) -> Report {
    let mut report = Report {
        device: device.name.clone(),
        config: device.path.display().to_string(),
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        memory_total: memory("MemTotal:"),
        memory_available: memory("MemAvailable:"),
        memory_budget: device.runtime.memory_budget,
        library: LibraryReport::default(),
        providers: Vec::new(),
        models: Vec::new(),
        fit: false,
    };
    let engine = match Engine::start(&device.runtime, &device.base) {
        Ok(engine) => engine,
        Err(error) => {
            report.library.error = Some(error.to_string());
            return report;
        }
    };
    let library = engine.library();
    report.library.path = Some(library.path.display().to_string());
    report.library.version = Some(library.version.clone());
    report.library.found_by = Some(library.found_by);

    let models = [("whisper", &device.whisper), ("blip", &device.blip), ("student", &device.student)];
    let mut wanted: Vec<Provider> = device.execution_providers.clone();
    for provider in models.iter().filter_map(|(_, entry)| entry.as_ref()).flat_map(|entry| &entry.execution_providers) {
        if !wanted.iter().any(|known| known.name() == provider.name()) {
            wanted.push(provider.clone());
        }
    }
    let missing = engine.probe_providers(&wanted);
    report.providers = wanted
        .iter()
        .map(|provider| {
            let missing = missing.iter().find(|missing| missing.name == provider.name());
            ProviderReport {
                name: provider.name(),
                loads: missing.is_none(),
                reason: missing.map(|missing| missing.reason.clone()),
            }
        })
        .collect();
    for (kind, entry) in models {
        if let Some(entry) = entry {
            report.models.push(examine_model(&engine, kind, entry));
        }
    }
    report.fit = report.models.iter().all(|model| model.error.is_none());
    report
}

fn examine_model(engine: &Engine, kind: &'static str, entry: &ModelEntry) -> ModelReport {
    let mut report = ModelReport {
        kind,
        path: entry.path.display().to_string(),
        name: None,
        precision: entry.precision.clone(),
        graphs: Vec::new(),
        error: None,
    };
    if let Err(error) = examine_graphs(engine, kind, entry, &mut report) {
        report.error = Some(error.to_string());
    }
    report
}

fn examine_graphs(
    engine: &Engine,
    kind: &'static str,
    entry: &ModelEntry,
    report: &mut ModelReport,
) -> Result<(), Error> {
    let folder = ModelFolder::load(entry)?;
    report.name = Some(folder.common.name.clone());
    if folder.kind.name() != kind {
        return Err(Error::WrongKind { path: folder.path.clone(), found: folder.kind.name(), wanted: kind });
    }
    for (role, spec) in &folder.common.graphs {
        let before = resident_bytes();
        let started = Instant::now();
        let options = SessionOptions { precision: &entry.precision, providers: &entry.execution_providers };
        let graph = engine.load(&GraphFile { folder: &folder, role }, &options)?;
        let load_ms = (started.elapsed().as_secs_f64() * 1e4).round() / 10.0;
        let grown = before.zip(resident_bytes()).map(|(before, after)| ByteSize::from(after.saturating_sub(before)));
        let file = &spec.files[&entry.precision];
        let data = folder.common.files.get(&format!("{file}.data")).map_or(0, |data| data.bytes);
        report.graphs.push(GraphReport {
            role: role.clone(),
            provider: graph.provider(),
            sha256: folder.common.files[file].sha256.clone(),
            bytes: ByteSize::from(folder.common.files[file].bytes + data),
            load_ms,
            resident: grown,
        });
    }
    Ok(())
}

/// A line of `/proc/meminfo`.
fn memory(key: &str) -> Option<ByteSize> {
    let text = std::fs::read_to_string(Path::new("/proc/meminfo")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(ByteSize::from(kilobytes * 1024))
}

impl std::fmt::Display for Report {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        let known = |size: &Option<ByteSize>| size.map_or("unknown".to_string(), |size| size.to_string());
        writeln!(out, "device     {} ({})", self.device, self.config)?;
        writeln!(
            out,
            "board      {} cores, {} memory, {} available",
            self.cores,
            known(&self.memory_total),
            known(&self.memory_available)
        )?;
        match &self.library {
            LibraryReport { error: Some(error), .. } => writeln!(out, "library    CANNOT LOAD: {error}")?,
            LibraryReport { path, version, found_by, .. } => writeln!(
                out,
                "library    ONNX Runtime {} from {} ({})",
                version.as_deref().unwrap_or("?"),
                path.as_deref().unwrap_or("?"),
                found_by.unwrap_or("?")
            )?,
        }
        for provider in &self.providers {
            match &provider.reason {
                None => writeln!(out, "provider   {:<10} loads", provider.name)?,
                Some(reason) => writeln!(out, "provider   {:<10} DOES NOT LOAD: {reason}", provider.name)?,
            }
        }
        for model in &self.models {
            let name = model.name.as_deref().unwrap_or("?");
            match &model.error {
                Some(error) => writeln!(out, "model      {:<10} {name}: CANNOT RUN: {error}", model.kind)?,
                None => writeln!(out, "model      {:<10} {name}, {}: fit", model.kind, model.precision)?,
            }
            for graph in &model.graphs {
                writeln!(
                    out,
                    "  graph    {:<17} on {}, {} on disk, {} in memory, loaded in {:.0} ms, sha256 {:.12}",
                    graph.role,
                    graph.provider,
                    graph.bytes,
                    known(&graph.resident),
                    graph.load_ms,
                    graph.sha256
                )?;
            }
        }
        writeln!(out, "verdict    {}", if self.fit { "everything can run" } else { "something cannot run, see above" })
    }
}
