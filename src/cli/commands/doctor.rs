//! `doctor`: what will run where, and why not.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use edgefuse::config::model_folder::Kind;
use edgefuse::config::{ByteSize, Device, ModelEntry, OnMissingProvider, Provider, Step};
use edgefuse::engine::{Engine, resident_bytes};
use edgefuse::error::Error;
use edgefuse::models::{Loader, Vocabulary};
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
    /// What keeps the device file from working, apart from library and models.
    problems: Vec<String>,
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
        problems: Vec::new(),
        fit: false,
    };
    let engine = match Engine::start(&device.runtime, &device.base) {
        Ok(engine) => Arc::new(engine),
        Err(error) => {
            report.library.error = Some(error.to_string());
            return report;
        }
    };
    let library = engine.library();
    report.library.path = Some(library.path.display().to_string());
    report.library.version = Some(library.version.clone());
    report.library.found_by = Some(library.found_by);

    let models =
        [("whisper", &device.whisper), ("blip", &device.blip), ("student", &device.student), ("vad", &device.vad)];
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
            report.models.push(examine_model(&engine, kind, entry, device.runtime.memory_budget));
        }
    }
    for step in &device.pipeline {
        let (kind, entry) = match step {
            Step::Transcribe(_) => ("whisper", &device.whisper),
            Step::Fuse(_) => ("student", &device.student),
            _ => ("blip", &device.blip),
        };
        if entry.is_none() {
            report.problems.push(format!("the pipeline's `{}` needs models.{kind}, which is not named", step.name()));
        }
    }
    if device.runtime.on_missing_provider == OnMissingProvider::Error {
        let missing = report.providers.iter().filter(|provider| !provider.loads);
        let told =
            missing.map(|it| format!("provider `{}` does not load, and on_missing_provider is `error`", it.name));
        report.problems.extend(told);
    }
    report.fit = report.problems.is_empty() && report.models.iter().all(|model| model.error.is_none());
    report
}

fn examine_model(
    engine: &Arc<Engine>,
    kind: &'static str,
    entry: &ModelEntry,
    budget: Option<ByteSize>,
) -> ModelReport {
    let mut report = ModelReport {
        kind,
        path: entry.path.display().to_string(),
        name: None,
        precision: entry.precision.to_string(),
        graphs: Vec::new(),
        error: None,
    };
    if let Err(error) = examine_parts(engine, kind, entry, budget, &mut report) {
        report.error = Some(error.to_string());
    }
    report
}

fn examine_parts(
    engine: &Arc<Engine>,
    kind: &'static str,
    entry: &ModelEntry,
    budget: Option<ByteSize>,
    report: &mut ModelReport,
) -> Result<(), Error> {
    let loader = Loader::new(engine.clone(), entry)?;
    let folder = loader.folder().clone();
    report.name = Some(folder.common.name.clone());
    if folder.kind.key() != kind {
        return Err(loader.wrong_kind(kind));
    }
    for (role, spec) in &folder.common.graphs {
        let before = resident_bytes();
        let started = Instant::now();
        let graph = loader.graph(role)?;
        let load_ms = (started.elapsed().as_secs_f64() * 1e4).round() / 10.0;
        let grown = before.zip(resident_bytes()).map(|(before, after)| ByteSize::from(after.saturating_sub(before)));
        let precision = entry.precision.of(role);
        let file = &spec.files[precision];
        let data = folder.common.files.get(&spec.weights_file(precision, file)).map_or(0, |data| data.bytes);
        report.graphs.push(GraphReport {
            role: role.clone(),
            provider: graph.provider(),
            sha256: folder.common.files[file].sha256.clone(),
            bytes: ByteSize::from(folder.common.files[file].bytes.saturating_add(data)),
            load_ms,
            resident: grown,
        });
    }
    let tokenizer = match &folder.kind {
        Kind::Whisper(spec) => Some(&spec.tokenizer),
        Kind::Blip(spec) => Some(&spec.tokenizer),
        Kind::Blip2(spec) => Some(&spec.tokenizer),
        Kind::Student(spec) => spec.tokenizer.as_ref(),
        Kind::Vad(_) => None,
    };
    if let Some(tokenizer) = tokenizer {
        Vocabulary::load(&folder, tokenizer)?;
    }
    loader.check_budget(budget)
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
        for problem in &self.problems {
            writeln!(out, "problem    {problem}")?;
        }
        writeln!(out, "verdict    {}", if self.fit { "everything can run" } else { "something cannot run, see above" })
    }
}
