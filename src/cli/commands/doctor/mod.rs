//! `doctor`: what will run where, and why.

mod report;
mod text;

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use edgefuse::config::model_folder::FileSpec;
use edgefuse::config::{ByteSize, Device, ModelEntry, OnMissingProvider, Provider};
use edgefuse::engine::{Engine, Graph, Processor, library_file, memory_limits, release_unused, resident_bytes};
use edgefuse::error::Error;
use edgefuse::models::{CostSource, Loader, Vocabulary, encoders_of, load};
use edgefuse::pipeline::missing_models;

use super::start::{self, device, engine};
use crate::cli::args::{Format, Global};
use crate::cli::watched::{Crash, Ended, Side, Stage, watched};
use crate::cli::{Outcome, Stop};
use report::{GraphReport, LibraryReport, LimitReport, MemoryReport, ModelReport, ProviderReport, Report};

/// Loads everything the device file names, one model after the other, runs each graph once, and reports the results.
///
/// In a child process, because a library that does not suit the processor or the system may kill it.
pub(in crate::cli) fn doctor(global: &Global) -> Result<Outcome, Stop> {
    super::no_subtitles(global)?;
    let device = device(global, &[])?;
    let report = match watched() {
        Side::Parent(Ended::Code(code)) => return Ok(Outcome::Ended(code)),
        Side::Parent(Ended::Crash(crash)) => crashed(&device, &crash),
        Side::Child(stage) => examine(global, &device, &stage),
    };
    let text = match global.format {
        Format::Json => serde_json::to_string(&report).map_err(io::Error::from).map_err(Stop::Output)? + "\n",
        _ => text::of(&report, io::stdout().is_terminal()),
    };
    io::stdout().lock().write_all(text.as_bytes()).map_err(Stop::Output)?;
    Ok(if report.fit { Outcome::Done } else { Outcome::Unfit })
}

/// Report after a crash.
fn crashed(device: &Device, crash: &Crash) -> Report {
    let mut report = empty(device);
    report.library.path =
        library_file(device.runtime.library.as_deref(), &device.base).map(|it| it.display().to_string());
    report.library.error = Some(crash.to_string());
    report
}

/// A report without library and models.
fn empty(device: &Device) -> Report {
    Report {
        device: device.name.clone(),
        config: device.path.display().to_string(),
        machine: std::env::consts::ARCH,
        processor: Processor::own().to_string(),
        board: board(),
        cores: std::thread::available_parallelism().map_or(0, usize::from),
        memory_total: memory("MemTotal:"),
        memory_available: memory("MemAvailable:"),
        memory_limit: memory_limits()
            .into_iter()
            .next()
            .map(|limit| LimitReport { bytes: ByteSize::from(limit.bytes), set_by: limit.set_by }),
        memory_budget: device.runtime.memory_budget,
        memory_base: None,
        library: LibraryReport::default(),
        providers: Vec::new(),
        models: Vec::new(),
        problems: Vec::new(),
        fit: false,
    }
}

fn examine(global: &Global, device: &Device, stage: &Stage) -> Report {
    let mut report = empty(device);
    stage.at(&start::library_in_words(device));
    let engine = match engine(global, device) {
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
    report.memory_base = resident_bytes().map(ByteSize::from);

    report.providers = providers(&engine, device);
    for (key, entry) in &device.models {
        let mut model = examine_model(&engine, key, entry, &report, stage);
        match encoders_of(device, key) {
            Ok(encoders) => {
                let warnings = encoders.into_iter().filter_map(|source| source.warning).chain(model.warning.take());
                model.warning = Some(warnings.collect::<Vec<_>>().join("; ")).filter(|warning| !warning.is_empty());
            }
            // A folder that cannot be read is reported already.
            Err(error) if model.error.is_none() => {
                model.verdict = "unfit";
                model.error = Some(error.to_string());
            }
            Err(_) => {}
        }
        report.models.push(model);
    }
    // A model that cannot be read is reported as such above.
    let missing = missing_models(device, &device.pipeline).into_iter();
    let missing = missing.filter(|error| !matches!(error, Error::Model(_)));
    report.problems.extend(missing.map(|error| format!("pipeline: {error}")));
    if device.runtime.on_missing_provider == OnMissingProvider::Error {
        let missing = report.providers.iter().filter(|provider| provider.wanted && !provider.loads);
        let problem =
            missing.map(|it| format!("provider `{}` does not load, and on_missing_provider is `error`", it.name));
        report.problems.extend(problem);
    }
    report.fit = report.problems.is_empty() && report.models.iter().all(|model| model.error.is_none());
    report
}

/// The providers in the device file, with its options, then the others that the library was built with.
fn providers(engine: &Engine, device: &Device) -> Vec<ProviderReport> {
    let mut wanted: Vec<Provider> = device.execution_providers.clone();
    for provider in device.models.values().flat_map(|entry| entry.execution_providers.iter()) {
        if !wanted.iter().any(|known| known.name() == provider.name()) {
            wanted.push(provider.clone());
        }
    }
    let missing = engine.probe_providers(&wanted);
    let mut providers: Vec<ProviderReport> = wanted
        .iter()
        .map(|provider| {
            let missing = missing.iter().find(|missing| missing.name == provider.name());
            ProviderReport {
                name: provider.name(),
                wanted: true,
                loads: missing.is_none(),
                reason: missing.map(|missing| missing.reason.clone()),
            }
        })
        .collect();
    for name in engine.providers_in_library() {
        if !providers.iter().any(|provider| provider.name == name) {
            providers.push(ProviderReport { name, wanted: false, loads: true, reason: None });
        }
    }
    providers
}

fn examine_model(engine: &Arc<Engine>, key: &str, entry: &ModelEntry, whole: &Report, stage: &Stage) -> ModelReport {
    let mut report = ModelReport {
        key: key.to_string(),
        kind: None,
        path: entry.path.display().to_string(),
        name: None,
        precision: entry
            .endpoint
            .as_ref()
            .map_or_else(|| entry.precision.to_string(), |it| format!("at {}", it.shown())),
        verdict: "fit",
        memory: None,
        graphs: Vec::new(),
        warning: None,
        error: None,
    };
    if let Err(error) = examine_parts(engine, entry, whole, &mut report, stage) {
        report.verdict = "unfit";
        report.error = Some(error.to_string());
    }
    release_unused();
    report
}

fn examine_parts(
    engine: &Arc<Engine>,
    entry: &ModelEntry,
    whole: &Report,
    report: &mut ModelReport,
    stage: &Stage,
) -> Result<(), Error> {
    let loader = Loader::new(engine.clone(), entry)?;
    let folder = loader.folder().clone();
    report.name = Some(folder.common.name.clone());
    report.kind = Some(folder.kind);
    if entry.endpoint.is_some() {
        // Reads key and certificates; nothing is sent.
        return load(loader).map(drop);
    }
    let cost = loader.memory_cost();
    let needed = ByteSize::from(cost.peak());
    report.memory = Some(MemoryReport { needed, source: cost.source, fits: true });
    if let Some((base, budget)) = whole.memory_base.zip(whole.memory_budget) {
        loader.check_budget(base, budget).inspect_err(|_| {
            report.memory = Some(MemoryReport { needed, source: cost.source, fits: false });
        })?;
    }
    if let Some((base, limit)) = whole.memory_base.zip(whole.memory_limit.as_ref()) {
        // An estimate rejects only what certainly does not fit: the weights alone.
        let certain = ByteSize::from(match cost.source {
            CostSource::Measured => cost.peak(),
            CostSource::Estimated => loader.graph_bytes(),
        });
        if base.bytes().saturating_add(certain.bytes()) > limit.bytes.bytes() {
            report.memory = Some(MemoryReport { needed, source: cost.source, fits: false });
            let problem = format!(
                "needs {certain} beside {base} of the program itself, more than the {} that it may use here ({}); choose a smaller \
                 precision or model, or allow more memory",
                limit.bytes, limit.set_by
            );
            return Err(Error::Request { model: folder.common.name.clone(), problem });
        }
        if base.bytes().saturating_add(needed.bytes()) > limit.bytes.bytes() {
            report.warning = Some(format!(
                "may need {needed} beside {base} of the program itself, but may only use {} here ({}): the system would kill it",
                limit.bytes, limit.set_by
            ));
        }
    }
    for (role, spec) in &folder.common.graphs {
        let precision = &loader.precisions()[role];
        stage.at(&format!(
            "{}/{role} ({}) with {}",
            folder.common.name,
            precision.name,
            engine.library().path.display()
        ));
        let before = resident_bytes();
        let started = Instant::now();
        let graph = loader.graph(role);
        let load_ms = (started.elapsed().as_secs_f64() * 1e4).round() / 10.0;
        let error = graph
            .as_ref()
            .map_or_else(|error| Some(error.to_string()), |it| it.try_once().err().map(|it| it.to_string()));
        let graph = graph.ok();
        let grown = before.zip(resident_bytes()).map(|(before, after)| ByteSize::from(after.saturating_sub(before)));
        let file = spec.files.get(&precision.name);
        let bytes_of = |file: Option<&FileSpec>| file.map_or(0, |file| file.bytes);
        let data = file.and_then(|file| folder.common.files.get(&spec.weights_file(&precision.name, file)));
        let file = file.and_then(|file| folder.common.files.get(file));
        report.graphs.push(GraphReport {
            role: role.clone(),
            precision: precision.name.clone(),
            auto: precision.why.clone(),
            provider: graph.as_ref().map(Graph::provider),
            placement: graph.as_ref().and_then(Graph::placement).map(|placement| placement.providers().to_vec()),
            sha256: file.map(|file| file.sha256.clone()).unwrap_or_default(),
            weights_sha256: data.map(|data| data.sha256.clone()),
            bytes: ByteSize::from(bytes_of(file).saturating_add(bytes_of(data))),
            load_ms: graph.as_ref().map(|_| load_ms),
            runs: error.is_none(),
            error,
            resident: grown,
        });
    }
    if let Some(tokenizer) = folder.spec.tokenizer() {
        Vocabulary::load(&folder, tokenizer)?;
    }
    let failed: Vec<&str> = report.graphs.iter().filter(|graph| !graph.runs).map(|graph| graph.role.as_str()).collect();
    match failed.is_empty() {
        true => Ok(()),
        false => Err(Error::Unfit { model: folder.common.name.clone(), graphs: failed.join(", ") }),
    }
}

/// Name of the board, if it has a device tree.
fn board() -> Option<String> {
    let text = std::fs::read_to_string("/proc/device-tree/model").ok()?;
    Some(text.trim_end_matches('\0').trim().to_string()).filter(|model| !model.is_empty())
}

/// A line of `/proc/meminfo`.
fn memory(key: &str) -> Option<ByteSize> {
    let text = std::fs::read_to_string(Path::new("/proc/meminfo")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(ByteSize::from(kilobytes * 1024))
}
