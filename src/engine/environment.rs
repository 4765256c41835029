//! ONNX Runtime's environment: one per process.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use ort::environment::{Environment, GlobalThreadPoolOptions};
use ort::logging::LogLevel;

use super::error::{EngineError, one_line};
use super::library::LoadedLibrary;
use super::log::forward;
use super::memory::library_stays;
use crate::config::Threads;

/// The environment of the process: ONNX Runtime has one, and `ort` creates it once, with the threads of the first call.
///
/// All sessions share one thread pool. With a pool per session, the default, the threads of the graph that ran last
/// still spin while the next one runs: on two cores a decoder step then takes up to three times as long.
pub(super) fn environment(library: &LoadedLibrary, threads: &Threads) -> Result<Environment, EngineError> {
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
                .with_logger(Arc::new(forward))
                .build()
                .map_err(|error| unusable(one_line(&error)))?;
            environment.set_log_level(LogLevel::Warning);
            library_stays(ort::api().CreateEnv as *const () as usize);
            log::debug!("ONNX Runtime {} from {} ({})", library.version, library.path.display(), library.found_by);
            *started = Some((library.path.clone(), environment.clone()));
            Ok(environment)
        }
    }
}

fn thread_pool(threads: &Threads) -> Result<GlobalThreadPoolOptions, ort::Error> {
    let pool = GlobalThreadPoolOptions::default().with_spin_control(threads.spinning)?;
    pool.with_intra_threads(intra(threads.intra))?.with_inter_threads(threads.inter)
}

/// Threads inside one operator: 0 leaves the number to ONNX Runtime, which uses one per physical core. It also counts
/// cores excluded by an affinity mask or a cgroup quota, so if either is set the number is computed here.
fn intra(wanted: usize) -> usize {
    // SAFETY: a query without preconditions.
    let online = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
    match std::thread::available_parallelism() {
        Ok(allowed) if wanted == 0 && usize::try_from(online).is_ok_and(|online| allowed.get() < online) => {
            allowed.get()
        }
        _ => wanted,
    }
}
