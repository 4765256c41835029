//! The one place where sessions are built.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use ort::environment::{Environment, GlobalThreadPoolOptions};
use ort::logging::LogLevel;
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};

use super::checksum::verify;
use super::error::{EngineError, one_line};
use super::graph::Graph;
use super::library::{self, LoadedLibrary};
use super::profile::Profiles;
use super::providers::{self, CacheKey, MissingProvider};
use crate::config::model_folder::{GraphSpec, ModelFolder, RuntimeVersion};
use crate::config::{OnMissingProvider, Provider, Runtime, TensorRtOptions, Threads};

/// ONNX Runtime, loaded, with the threads of one device file. A process has one library.
pub struct Engine {
    environment: Environment,
    library: LoadedLibrary,
    threads: Threads,
    on_missing: OnMissingProvider,
    warned: Mutex<BTreeSet<&'static str>>,
    profiles: Option<Profiles>,
}

/// Which file of a model folder becomes a graph.
pub struct GraphFile<'a> {
    /// The model folder.
    pub folder: &'a ModelFolder,
    /// Role of the graph in `graphs:`.
    pub role: &'a str,
}

/// How a session is built.
pub struct SessionOptions<'a> {
    /// Which of the graph's files.
    pub precision: &'a str,
    /// In order of preference.
    pub providers: &'a [Provider],
}

impl Engine {
    /// Finds and loads ONNX Runtime. `base` is the folder of the device file.
    ///
    /// # Errors
    /// [`EngineError::LibraryNotFound`], [`EngineError::LibraryUnusable`].
    pub fn start(runtime: &Runtime, base: &Path) -> Result<Self, EngineError> {
        let library = library::find(runtime.library.as_deref(), base)?;
        let environment = environment(&library, &runtime.threads)?;
        Ok(Engine {
            environment,
            library,
            threads: runtime.threads,
            on_missing: runtime.on_missing_provider,
            warned: Mutex::default(),
            profiles: None,
        })
    }

    /// Lets every graph that is loaded from now on write a profile into `folder` when it is dropped.
    pub fn with_profiles(mut self, folder: &Path) -> Self {
        self.profiles = Some(Profiles::new(folder));
        self
    }

    pub(super) fn on_missing(&self) -> OnMissingProvider {
        self.on_missing
    }

    /// The library in use.
    pub fn library(&self) -> &LoadedLibrary {
        &self.library
    }

    /// Loads one graph of a model folder: checks its files against `model.yaml`, builds the session, checks its
    /// tensors.
    ///
    /// # Errors
    /// [`EngineError`] for a missing precision, file, tensor or provider, and for graphs that ONNX Runtime refuses.
    pub fn load(&self, file: &GraphFile, options: &SessionOptions) -> Result<Graph, EngineError> {
        let common = &file.folder.common;
        let name = format!("{}/{}", common.name, file.role);
        let spec = &common.graphs[file.role];
        let graph_file = spec.files.get(options.precision).ok_or_else(|| EngineError::Precision {
            model: common.name.clone(),
            graph: file.role.to_string(),
            wanted: options.precision.to_string(),
            available: spec.files.keys().cloned().collect(),
        })?;
        self.check_version(&name, spec, options.precision)?;
        let path = file.folder.file(graph_file);
        let started = Instant::now();
        verify(&path, &common.files[graph_file])?;
        let weights = spec.weights_file(options.precision, graph_file);
        if let Some(expected) = common.files.get(&weights) {
            verify(&file.folder.file(&weights), expected)?;
        }
        let verified = Instant::now();

        let failed = |source: ort::Error| EngineError::Session { path: path.clone(), source };
        let mut builder = self.builder().map_err(failed)?;
        if let Some(profiles) = &self.profiles {
            builder = builder.with_profiling(profiles.prefix(&name)).map_err(|error| failed(error.into()))?;
        }
        // Weights lie outside the graph: two fine-tunes of one architecture may have the same graph file.
        let weights = common.files.get(&weights).map_or("", |file| &file.sha256);
        let key = CacheKey {
            sha256: &format!("{:.16}{weights:.16}", common.files[graph_file].sha256),
            precision: options.precision,
            library_version: &self.library.version,
        };
        let registered = providers::register(&mut builder, options.providers, self.on_missing, &name, &key)?;
        registered.missing.iter().for_each(|missing| self.warn(missing));
        if options.precision == SATURATING && registered.active.first() == Some(&"cpu") && saturates() {
            self.warn_of_saturation();
        }
        let session = builder.commit_from_file(&path).map_err(failed)?;
        log::debug!(
            "{name}: checked in {:.0?}, loaded in {:.0?} ({}, {})",
            verified - started,
            verified.elapsed(),
            options.precision,
            registered.active.first().copied().unwrap_or("cpu")
        );
        Graph::new(name, path, session, spec, registered)
    }

    /// Checks that the library knows the operators of the graph `name` in one precision.
    fn check_version(&self, name: &str, spec: &GraphSpec, precision: &str) -> Result<(), EngineError> {
        let LoadedLibrary { version, path, .. } = &self.library;
        let loaded = RuntimeVersion::parse(version);
        let serves = |precision: &str| spec.needs.get(precision).is_none_or(|&needed| loaded >= Some(needed));
        match spec.needs.get(precision) {
            Some(&needed) if !serves(precision) => Err(EngineError::TooOld {
                graph: name.to_string(),
                precision: precision.to_string(),
                needed,
                library: format!("{version} ({})", path.display()),
                usable: spec.files.keys().filter(|precision| serves(precision)).cloned().collect(),
            }),
            _ => Ok(()),
        }
    }

    pub(super) fn builder(&self) -> Result<SessionBuilder, ort::Error> {
        let builder = Session::builder(&self.environment)?
            // `All`, not a level by number: ONNX Runtime 1.17 refuses those it does not know.
            .with_optimization_level(GraphOptimizationLevel::All)?
            // A plan of all buffers for each shape seen: it grows with every length of sound and text, and gains nothing
            // measurable where the arena keeps buffers already.
            .with_memory_pattern(false)?;
        let builder = if self.threads.inter > 1 { builder.with_parallel_execution(true)? } else { builder };
        Ok(builder)
    }

    /// Says once that 8-bit products are inexact here.
    fn warn_of_saturation(&self) {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.insert(SATURATING) {
            log::warn!(
                "precision `{SATURATING}`: this processor has no VNNI and sums pairs of 8-bit products in 16 bits, which \
                 saturate; precision q8 does not (the device file's `precision`)"
            );
        }
    }

    /// Says once for each provider that it did not load.
    fn warn(&self, missing: &MissingProvider) {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.insert(missing.name) {
            log::warn!(
                "execution provider `{}` did not load, going on with the next one: {}",
                missing.name,
                missing.reason
            );
        }
    }

    /// Tries to register each provider without loading a graph: why each that cannot work does not.
    pub fn probe_providers(&self, wanted: &[Provider]) -> Vec<MissingProvider> {
        let key = CacheKey { sha256: "probe", precision: "none", library_version: &self.library.version };
        wanted
            .iter()
            .filter_map(|provider| {
                let outcome = self.builder().map_err(|error| one_line(&error)).and_then(|mut builder| {
                    let provider = match provider.clone() {
                        // No cache folder is made for a probe.
                        Provider::TensorRt(options) => {
                            Provider::TensorRt(TensorRtOptions { engine_cache: None, ..options })
                        }
                        other => other,
                    };
                    providers::register(&mut builder, &[provider], OnMissingProvider::Fallback, "probe", &key)
                        .map_err(|error| error.to_string())
                });
                match outcome {
                    Ok(registered) => registered.missing.into_iter().next(),
                    Err(reason) => Some(MissingProvider { name: provider.name(), reason }),
                }
            })
            .collect()
    }
}

/// The precision whose products of signed and unsigned bytes older x86 processors sum in 16 bits (`vpmaddubsw`).
const SATURATING: &str = "int8";

/// Whether this processor sums pairs of byte products in 16 bits: x86 without the VNNI instructions, which use 32.
#[cfg(target_arch = "x86_64")]
fn saturates() -> bool {
    let vnni = [std::is_x86_feature_detected!("avx512vnni"), std::is_x86_feature_detected!("avxvnni")];
    !vnni.contains(&true)
}

/// Other processors multiply bytes exactly.
#[cfg(not(target_arch = "x86_64"))]
fn saturates() -> bool {
    false
}

/// The environment of the process: ONNX Runtime has one, and `ort` makes it once; its threads are those of the first call.
///
/// All sessions share one pool of threads. With a pool for each, as by default, the threads of the graph that ran last
/// still spin while the next one runs: on two cores a decoder step then takes up to three times as long.
fn environment(library: &LoadedLibrary, threads: &Threads) -> Result<Environment, EngineError> {
    static STARTED: Mutex<Option<(PathBuf, Environment)>> = Mutex::new(None);

    let unusable = |problem: String| EngineError::LibraryUnusable { path: library.path.clone(), problem };
    let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    match &*started {
        Some((path, environment)) if *path == library.path => Ok(environment.clone()),
        Some((path, _)) => Err(unusable(format!("this process already runs {}", path.display()))),
        None => {
            let builder = ort::init_from(&library.path).map_err(|error| unusable(error.to_string()))?;
            // Only now: it calls into the library.
            let pool = thread_pool(threads).map_err(|error| unusable(one_line(&error)))?;
            let environment = builder
                .with_name("edgefuse")
                .with_telemetry(false)
                .with_global_thread_pool(pool)
                .with_logger(Arc::new(forward_log))
                .build()
                .map_err(|error| unusable(one_line(&error)))?;
            environment.set_log_level(LogLevel::Warning);
            log::debug!("ONNX Runtime {} from {} ({})", library.version, library.path.display(), library.found_by);
            *started = Some((library.path.clone(), environment.clone()));
            Ok(environment)
        }
    }
}

fn thread_pool(threads: &Threads) -> Result<GlobalThreadPoolOptions, ort::Error> {
    let pool = GlobalThreadPoolOptions::default().with_spin_control(threads.spinning)?;
    // 0 leaves the number to ONNX Runtime: a thread a physical core.
    pool.with_intra_threads(threads.intra)?.with_inter_threads(threads.inter)
}

/// ONNX Runtime's messages go where the program's go.
fn forward_log(level: LogLevel, category: &str, _id: &str, _location: &str, message: &str) {
    let level = match level {
        LogLevel::Verbose => log::Level::Trace,
        LogLevel::Info => log::Level::Debug,
        LogLevel::Warning => log::Level::Info,
        LogLevel::Error | LogLevel::Fatal => log::Level::Warn,
    };
    log::log!(target: "onnxruntime", level, "{category}: {}", message.trim());
}
