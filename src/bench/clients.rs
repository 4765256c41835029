//! Throughput and latency when several clients use one model at once.

use std::sync::Arc;
use std::thread;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::inputs::Inputs;
use super::statistics::Latency;
use super::task::Task;
use edgefuse::config::{Device, Requests};
use edgefuse::engine::{Engine, peak_resident_bytes};
use edgefuse::error::Error;
use edgefuse::models::Models;
use edgefuse::pipeline::{Picture, Pipeline};

/// Result for a number of clients, each requesting its next record as soon as it has the previous result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Clients {
    /// Number of clients.
    pub clients: usize,
    /// Records per second of all clients together.
    pub throughput_per_s: f64,
    /// Time of a record, from request to result.
    pub latency: Latency,
    /// The largest resident memory of the process.
    pub peak_bytes: Option<u64>,
}

/// Loads what `task` needs, then processes `repeat` records on `clients` threads, at least two on each.
///
/// # Errors
/// [`Error`] if the library, the model or an input cannot be used.
pub fn measure_clients(
    device: &Device,
    task: Task,
    inputs: &Inputs,
    clients: usize,
    repeat: usize,
) -> Result<Clients, Error> {
    let mut device = device.clone();
    device.runtime.memory_budget = None;
    device.runtime.requests = Requests { at_once: clients, waiting: clients };
    let engine = Engine::start(&device.runtime, &device.base)?;
    let step = task.step(&device).ok_or_else(|| Error::Input {
        problem: format!("bench --clients: `{}` is not a step of the pipeline", task.name()),
    })?;
    let pipeline = Pipeline::new(Models::new(Arc::new(engine), device), &[step])?;
    let mut record = task.record(inputs);
    // Pictures in memory are never found in the cache of the last encoded picture.
    if let Some(path) = record.image.as_ref().and_then(Picture::path) {
        let bytes = std::fs::read(path).map_err(|source| Error::Read { path: path.to_path_buf(), source })?;
        record.image = Some(Picture::from_bytes(bytes));
    }
    let one = || {
        let started = Instant::now();
        let result = pipeline.process(&record, &mut |_, _| {})?;
        match result.errors().first() {
            Some(problem) => Err(Error::Input { problem: (*problem).to_string() }),
            None => Ok(started.elapsed().as_secs_f64() * 1e3),
        }
    };
    one()?;
    let each = repeat.div_ceil(clients).max(2);
    let started = Instant::now();
    let times = thread::scope(|scope| {
        let threads: Vec<_> = (0..clients)
            .map(|_| scope.spawn(|| (0..each).map(|_| one()).collect::<Result<Vec<f64>, Error>>()))
            .collect();
        let joined =
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        joined.collect::<Result<Vec<_>, Error>>()
    })?
    .concat();
    let seconds = started.elapsed().as_secs_f64();
    let latency = Latency::of(&times).ok_or_else(|| Error::Input { problem: "nothing was measured".to_string() })?;
    Ok(Clients { clients, throughput_per_s: times.len() as f64 / seconds, latency, peak_bytes: peak_resident_bytes() })
}
