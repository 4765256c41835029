//! The one place where sessions are built.

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
    /// Why this one, where `auto` chose it.
    pub why: Option<&'a str>,
    /// In order of preference.
    pub providers: &'a [Provider],
    /// Where the graph's nodes must lie.
    pub require: Option<&'a Requirement>,
}

impl Engine {
    /// Finds and loads ONNX Runtime without a device file: `ORT_DYLIB_PATH`, else `lib/` beside the program or in the
    /// current folder, else the system's loader; with its default threads.
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

    /// Lets every graph that is loaded from now on write a profile into `folder` when it is dropped.
    pub fn with_profiles(mut self, folder: &Path) -> Self {
        self.profiles = Some(Profiles::new(folder));
        self
    }

    pub(super) fn on_missing(&self) -> OnMissingProvider {
        self.on_missing
    }

    /// Calls `report` every few seconds while a provider other than the CPU takes up a graph: TensorRT builds engines
    /// for minutes.
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
    /// [`EngineError`] for a missing precision, file, tensor or provider, for graphs that ONNX Runtime refuses, and for
    /// nodes that lie elsewhere than `require` says.
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
        // Weights lie outside the graph: two fine-tunes of one architecture may have the same graph file.
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

    /// Where the nodes of each graph lie that was loaded so far, by `model/role`.
    pub fn placements(&self) -> BTreeMap<String, Placement> {
        locked(&self.placements).clone()
    }

    /// The precision of each graph that was loaded so far and left to `auto`, by `model/role`: `q8 (x86-64 with VNNI)`.
    pub fn chosen_precisions(&self) -> BTreeMap<String, String> {
        locked(&self.precisions).clone()
    }

    /// What `precision: auto` is on this machine, with this library, for a graph on `providers`.
    pub fn choose_precision(&self, graph: &GraphSpec, providers: &[Provider]) -> Choice {
        // A version is checked when the library is found; one that cannot be read is as good as the oldest.
        let library = RuntimeVersion::parse(&self.library.version).unwrap_or_else(library::oldest_library);
        auto_precision::choose(graph, &Place { processor: Processor::own(), library, providers })
    }

    /// Says, or refuses, that TensorRT is given graphs whose operators it does not know.
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

    /// Compares where the nodes lie with what the device file asks for.
    fn check_placement(
        &self,
        graph: &str,
        placement: Option<&Placement>,
        require: Option<&Requirement>,
        registered: &Registered,
    ) -> Result<(), EngineError> {
        let found = match (placement, require) {
            (Some(placement), Some(require)) => placement.unmet(require),
            (None, Some(_)) => Some("unknown: this build of ONNX Runtime does not tell".to_string()),
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
        log::warn!("{graph}: `{names}` loaded but took none of the graph's nodes: {placement}");
        Ok(())
    }

    /// Checks that the library knows the operators of the graph `name` in one precision.
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
            // `All`, not a level by number: ONNX Runtime 1.17 refuses those it does not know.
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

    /// Says once for each provider that it did not load.
    fn warn(&self, missing: &MissingProvider) {
        if locked(&self.warned).insert(missing.name.to_string()) {
            log::warn!(
                "execution provider `{}` did not load, going on with the next one: {}",
                missing.name,
                missing.reason
            );
        }
    }

    /// The providers that the library was built with, by their names in device files.
    pub fn providers_in_library(&self) -> Vec<&'static str> {
        providers::in_library()
    }

    /// Tries to register each provider without loading a graph: why each that cannot work does not.
    pub fn probe_providers(&self, wanted: &[Provider]) -> Vec<MissingProvider> {
        let refusal = |provider: &Provider| {
            let outcome = self.builder(&[], &Listener::default()).map_err(|error| one_line(&error));
            let outcome = outcome.and_then(|mut builder| {
                let provider = std::slice::from_ref(provider);
                // Without a key no cache folder is made.
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
