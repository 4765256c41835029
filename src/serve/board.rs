//! The models and the pipeline of one device file. A reload replaces the whole board.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use edgefuse::config::{Device, IndexOptions, Limits, Step, WyomingLimits};
use edgefuse::engine::Engine;
use edgefuse::models::{Models, encoders_of, read_folder};
use edgefuse::pipeline::{Pipeline, Searcher, missing_models};
use tokio::sync::Semaphore;

use super::StartError;
use super::key::Key;

/// Unit in which the memory of bodies is counted.
const KIB: usize = 1 << 10;

/// One reading of the device file.
pub struct Board {
    pub models: Models,
    /// The device file's pipeline.
    pub pipeline: Pipeline,
    /// Searches indexes.
    pub searcher: Searcher,
    /// The indexes that clients may search, by name.
    pub indexes: BTreeMap<String, PathBuf>,
    /// The key that clients must send, if there is one.
    pub key: Option<Key>,
    /// Origins of web pages that may use the HTTP API.
    pub origins: Vec<String>,
    pub limits: Limits,
    pub wyoming: WyomingLimits,
    /// One permit for each request that is processed or waits.
    pub places: Arc<Semaphore>,
    /// One permit for each KiB of what clients sent.
    pub bodies: Arc<Semaphore>,
}

impl Board {
    pub fn new(engine: Arc<Engine>, mut device: Device) -> Result<Self, StartError> {
        let http = device.server.http.clone();
        let key = http.as_ref().and_then(|http| http.api_key_file.as_deref()).map(Key::read);
        let key = key.transpose().map_err(StartError::Usage)?;
        let (limits, origins) = http.map(|http| (http.limits, http.origins)).unwrap_or_default();
        let wyoming = device.server.wyoming.as_ref().map(|wyoming| wyoming.limits).unwrap_or_default();
        let requests = device.runtime.requests;
        // A client must not occupy the board with a day of silence.
        device.media.longest_sound = Some(limits.sound);
        let indexes = indexes(&device);
        let steps = device.pipeline.clone();
        let models = Models::new(engine, device);
        let places = requests.most().min(Semaphore::MAX_PERMITS);
        let kib = usize::try_from(limits.bodies.bytes()).unwrap_or(usize::MAX).div_ceil(KIB);
        Ok(Board {
            pipeline: Pipeline::new(models.clone(), &steps)?,
            searcher: Searcher::new(models.clone()),
            indexes,
            models,
            key,
            origins,
            limits,
            wyoming,
            places: Arc::new(Semaphore::new(places)),
            bodies: Arc::new(Semaphore::new(kib.min(Semaphore::MAX_PERMITS))),
        })
    }

    pub fn device(&self) -> &Device {
        self.models.device()
    }

    /// What keeps the device from doing its work: models that are missing or cannot be read, one line each.
    pub fn problems(&self) -> Vec<String> {
        let device = self.device();
        let unreadable = device.models.values().filter_map(|entry| read_folder(entry).err());
        let missing = missing_models(device, &device.pipeline);
        let encoders = device.models.keys().filter_map(|key| encoders_of(device, key).err());
        let all = unreadable.chain(missing).chain(encoders).map(|error| error.to_string());
        let mut problems: Vec<String> = Vec::new();
        all.for_each(|problem| {
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        });
        problems
    }

    /// The permits for `bytes` of a client's data; `None` if there is no room for them now.
    pub fn room_for(&self, bytes: usize) -> Option<tokio::sync::OwnedSemaphorePermit> {
        let kib = u32::try_from(bytes.div_ceil(KIB)).ok()?;
        self.bodies.clone().try_acquire_many_owned(kib).ok()
    }
}

/// The indexes that `server.http.indexes` lists, and those that steps write to, by the name of their folder without an
/// extension.
fn indexes(device: &Device) -> BTreeMap<String, PathBuf> {
    let mut indexes = device.server.http.as_ref().map(|http| http.indexes.clone()).unwrap_or_default();
    let own = device.sources.values().flat_map(|source| source.pipeline.iter().flatten());
    for step in device.pipeline.iter().chain(own) {
        let Some(IndexOptions { into, .. }) = Step::as_options(step) else { continue };
        if let Some(name) = into.file_stem().and_then(|name| name.to_str()) {
            indexes.entry(name.to_string()).or_insert_with(|| into.clone());
        }
    }
    indexes
}
