//! Builds all sessions.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use ort::environment::Environment;
use ort::logging::LogLevel;
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};

use super::auto_precision::{self, Choice, Place};
use super::build_progress::{BuildProgress, OnBuild, watched};
use super::checksum::Verified;
use super::environment::environment;
use super::error::{EngineError, Reported, one_line};
use super::graph::Graph;
use super::graph_files::GraphFiles;
use super::library::{self, LoadedLibrary};
use super::placement::{Listener, Placement};
use super::processor::{EXACT_BYTE_PRODUCTS, Processor};
use super::profile::Profiles;
use super::providers::{self, CacheKey, MissingProvider, Registered};
use super::telemetry;
use crate::config::model_folder::{Dialect, GraphSpec, ModelFolder, RuntimeVersion};
use crate::config::{CpuOptions, OnMissingProvider, Provider, Requirement, Runtime, Threads};

/// ONNX Runtime, loaded, with the threads of one device file. A process has one library.
pub struct Engine {
    environment: Environment,
    library: LoadedLibrary,
    threads: Threads,
    on_missing: OnMissingProvider,
    warned: Mutex<BTreeSet<String>>,
    verified: Verified,
    placements: Mutex<BTreeMap<String, Placement>>,
    precisions: Mutex<BTreeMap<String, String>>,
    on_build: Option<OnBuild>,
    profiles: Option<Profiles>,
}

/// Identifies a graph of a model folder.
pub struct GraphFile<'a> {
    /// The model folder.
    pub folder: &'a ModelFolder,
    /// Role of the graph in `graphs:`.
    pub role: &'a str,
}

/// Options of a session.
pub struct SessionOptions<'a> {
    /// Precision of the graph file.
    pub precision: &'a str,
    /// The reason, if `auto` chose it.
    pub why: Option<&'a str>,
    /// Providers in order of preference.
    pub providers: &'a [Provider],
    /// Requirement on the placement of the graph's nodes.
    pub require: Option<&'a Requirement>,
}

impl Engine {
    /// Finds and loads ONNX Runtime without a device file: `ORT_DYLIB_PATH`, else `lib/` beside the program or in the
    /// current folder, else the dynamic loader; with its default threads.
    ///
    /// # Errors
    /// As [`Engine::start`].
    pub fn new() -> Result<Self, EngineError> {
        Self::start(&Runtime::default(), Path::new(""))
    }

    /// Finds and loads ONNX Runtime, with its telemetry turned off. `base` is the folder of the device file.
    ///
    /// # Errors
    /// [`EngineError::Telemetry`], [`EngineError::LibraryNotFound`], [`EngineError::LibraryUnusable`].
    pub fn start(runtime: &Runtime, base: &Path) -> Result<Self, EngineError> {
        telemetry::ensure_disabled()?;
        let library = library::find(runtime.library.as_deref(), base)?;
        let environment = environment(&library, &runtime.threads)?;
        Ok(Engine {
            environment,
            library,
            threads: runtime.threads,
            on_missing: runtime.on_missing_provider,
            warned: Mutex::default(),
            verified: Verified::default(),
            placements: Mutex::default(),
            precisions: Mutex::default(),
            on_build: None,
            profiles: None,
        })
    }

    /// Makes every graph that is loaded from now on write a profile into `folder` when it is dropped.
    pub fn with_profiles(mut self, folder: &Path) -> Self {
        self.profiles = Some(Profiles::new(folder));
        self
    }

    pub(super) fn on_missing(&self) -> OnMissingProvider {
        self.on_missing
    }

    /// Sets a callback that is called every few seconds while a provider other than the CPU compiles a graph: TensorRT
    /// builds engines for minutes.
    pub fn with_build_progress(mut self, report: impl Fn(&BuildProgress) + Send + Sync + 'static) -> Self {
        self.on_build = Some(Box::new(report));
        self
    }

    /// The library in use.
    pub fn library(&self) -> &LoadedLibrary {
        &self.library
    }

    /// Loads one graph of a model folder: checks its files against `model.yaml`, builds the session, checks its
    /// tensors.
    ///
    /// # Errors
    /// [`EngineError`] for a missing precision, file, tensor or provider, for graphs that ONNX Runtime rejects, and for
    /// nodes that are not placed as `require` demands.
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
        let started = Instant::now();
        let weights = spec.weights_file(options.precision, graph_file);
        let files = GraphFiles::check(file.folder, graph_file, &weights, &self.verified)?;
        let path = files.path.clone();
        let verified = Instant::now();

        let failed = |source: ort::Error| EngineError::Session { path: path.clone(), source: Reported::by(&source) };
        let listener = Listener::default();
        let mut builder = self.builder(options.providers, &listener).map_err(failed)?;
        if let Some(profiles) = &self.profiles {
            builder = builder.with_profiling(profiles.prefix(&name)).map_err(|error| failed(error.into()))?;
        }
        // Weights are outside the graph: two fine-tunes of an architecture may have the same graph file.
        let weights = common.files.get(&weights).map_or("", |file| &file.sha256);
        let profiles = spec.profile_shapes();
        let key = CacheKey {
            sha256: &format!("{:.16}{weights:.16}", common.files[graph_file].sha256),
            precision: options.precision,
            library_version: &self.library.version,
            profiles: profiles.as_ref(),
        };
        let registered = providers::register(&mut builder, options.providers, self.on_missing, &name, Some(&key))?;
        registered.missing.iter().for_each(|missing| self.warn(missing));
        self.check_dialect(file, &registered)?;
        let first = registered.active.first().copied().unwrap_or("cpu");
        let session = match &self.on_build {
            Some(report) if first != "cpu" => watched(report, &name, first, || builder.commit_from_file(&path)),
            _ => builder.commit_from_file(&path),
        };
        let session = session.map_err(failed)?;
        files.unchanged(file.folder, &self.verified)?;
        let placement = listener.placement(files.nodes);
        self.check_placement(&name, placement.as_ref(), options.require, &registered)?;
        log::debug!(
            "{name}: checked in {:.0?}, loaded in {:.0?} ({}, {})",
            verified - started,
            verified.elapsed(),
            options.precision,
            placement.as_ref().map_or_else(|| first.to_string(), Placement::to_string)
        );
        if let Some(why) = options.why {
            locked(&self.precisions).insert(name.clone(), format!("{} ({why})", options.precision));
        }
        if let Some(placement) = &placement {
            locked(&self.placements).insert(name.clone(), placement.clone());
        }
        Graph::new(name, path, session, spec, registered, placement)
    }

    /// Placement of the nodes of each graph loaded so far, by `model/role`.
    pub fn placements(&self) -> BTreeMap<String, Placement> {
        locked(&self.placements).clone()
    }

    /// The automatically chosen precision of each graph loaded so far, by `model/role`: `q8 (x86-64 with VNNI)`.
    pub fn chosen_precisions(&self) -> BTreeMap<String, String> {
        locked(&self.precisions).clone()
    }

    /// Choice of `precision: auto` on this machine, with this library, for a graph on `providers`.
    pub fn choose_precision(&self, graph: &GraphSpec, providers: &[Provider]) -> Choice {
        // The version was checked when the library was found; an unreadable one counts as the oldest.
        let library = RuntimeVersion::parse(&self.library.version).unwrap_or_else(library::oldest_library);
        auto_precision::choose(graph, &Place { processor: Processor::own(), library, providers })
    }

    /// Warns, or fails, if TensorRT gets graphs whose operators it does not support.
    fn check_dialect(&self, file: &GraphFile, registered: &Registered) -> Result<(), EngineError> {
        let common = &file.folder.common;
        if common.dialect != Dialect::Ort || registered.active.first() != Some(&"tensorrt") {
            return Ok(());
        }
        let error = EngineError::Dialect { model: common.name.clone() };
        if self.on_missing == OnMissingProvider::Error {
            return Err(error);
        }
        if locked(&self.warned).insert(format!("dialect of {}", common.name)) {
            log::warn!("{error}");
        }
        Ok(())
    }

    /// Compares the placement of the nodes with the device file's requirement.
    fn check_placement(
        &self,
        graph: &str,
        placement: Option<&Placement>,
        require: Option<&Requirement>,
        registered: &Registered,
    ) -> Result<(), EngineError> {
        let found = match (placement, require) {
            (Some(placement), Some(require)) => placement.unmet(require),
            (None, Some(_)) => Some("unknown: this build of ONNX Runtime does not report it".to_string()),
            (_, None) => None,
        };
        if let Some((found, require)) = found.zip(require) {
            let missing = registered.missing.iter().map(|it| format!("; `{}` did not load: {}", it.name, it.reason));
            return Err(EngineError::Placement {
                graph: graph.to_string(),
                required: require.to_string(),
                found: found + &missing.collect::<String>(),
            });
        }
        let Some(placement) = placement.filter(|placement| placement.fell_back(&registered.active)) else {
            return Ok(());
        };
        let names = registered.active.iter().filter(|name| **name != "cpu").copied().collect::<Vec<_>>().join("`, `");
        if self.on_missing == OnMissingProvider::Error {
            return Err(EngineError::FellBack { graph: graph.to_string(), providers: names });
        }
        log::warn!("{graph}: `{names}` loaded but runs none of the graph's nodes: {placement}");
        Ok(())
    }

    /// Checks that the library supports the operators of the graph `name` in one precision.
    fn check_version(&self, name: &str, spec: &GraphSpec, precision: &str) -> Result<(), EngineError> {
        let LoadedLibrary { version, path, .. } = &self.library;
        let loaded = RuntimeVersion::parse(version);
        let needed = |precision: &str| Processor::own().needed(spec, precision);
        let serves = |precision: &str| needed(precision).is_none_or(|needed| loaded >= Some(needed));
        match needed(precision) {
            Some(needed) if !serves(precision) => Err(EngineError::TooOld {
                graph: name.to_string(),
                precision: precision.to_string(),
                needed,
                library: format!("{version} ({})", path.display()),
                usable: spec.files.keys().filter(|precision| serves(precision)).cloned().collect(),
            }),
            _ => Ok(()),
        }
    }

    pub(super) fn builder(&self, providers: &[Provider], listener: &Listener) -> Result<SessionBuilder, ort::Error> {
        let cpu = providers.iter().find_map(|provider| match provider {
            Provider::Cpu(options) => Some(options),
            _ => None,
        });
        let mut builder = Session::builder(&self.environment)?
            // `All` rather than a level by number: ONNX Runtime 1.17 rejects levels that it does not know.
            .with_optimization_level(GraphOptimizationLevel::All)?
            .with_memory_pattern(cpu.is_some_and(|options| options.memory_pattern))?
            .with_logger(listener.logger())?
            .with_log_level(LogLevel::Verbose)?;
        if let Some(CpuOptions { threads: Some(threads), spinning, .. }) = cpu {
            builder = builder
                .with_independent_thread_pool()?
                .with_intra_threads(*threads)?
                .with_inter_threads(self.threads.inter)?
                .with_intra_op_spinning(spinning.unwrap_or(self.threads.spinning))?;
        }
        if Processor::own().saturates() {
            builder = builder.with_config_entry(EXACT_BYTE_PRODUCTS, "1")?;
        }
        if self.threads.inter > 1 {
            builder = builder.with_parallel_execution(true)?;
        }
        Ok(builder)
    }

    /// Warns once for each provider that could not be loaded.
    fn warn(&self, missing: &MissingProvider) {
        if locked(&self.warned).insert(missing.name.to_string()) {
            log::warn!(
                "execution provider `{}` did not load, falling back to the next one: {}",
                missing.name,
                missing.reason
            );
        }
    }

    /// The providers that the library was built with, by their names in device files.
    pub fn providers_in_library(&self) -> Vec<&'static str> {
        providers::in_library()
    }

    /// Tries to register each provider without loading a graph; returns those that fail, with the reason.
    pub fn probe_providers(&self, wanted: &[Provider]) -> Vec<MissingProvider> {
        let refusal = |provider: &Provider| {
            let outcome = self.builder(&[], &Listener::default()).map_err(|error| one_line(&error));
            let outcome = outcome.and_then(|mut builder| {
                let provider = std::slice::from_ref(provider);
                // Without a key no cache folder is created.
                providers::register(&mut builder, provider, OnMissingProvider::Fallback, "probe", None)
                    .map_err(|error| error.to_string())
            });
            match outcome {
                Ok(registered) => registered.missing.into_iter().next(),
                Err(reason) => Some(MissingProvider { name: provider.name(), reason }),
            }
        };
        wanted.iter().filter_map(refusal).collect()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
