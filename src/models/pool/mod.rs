//! The models of a device, shared by all callers: loaded on first use, evicted when they are idle or the memory budget
//! requires it.
//!
//! A leased model is not evicted; a request that needs more memory than the budget
//! leaves beside leased models waits until one is returned. Costs are in resident memory of the whole process, measured
//! while a model loads and works, and recorded for later processes; before that they are estimated from the files.

mod budget;
mod choice;
mod idle;
mod lease;
mod queue;

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::config::model_folder::{Modality, capability};
use crate::config::{Device, ModelEntry};
use crate::engine::{Engine, EngineError, release_unused, return_large_blocks};
use crate::error::Error;
use crate::media::image::PixelConfig;
use crate::support::request::Request;

use super::capability::{Capability, Model};
use super::features::{self, FeatureSource};
use super::kinds;
use super::loader::Loader;
use budget::Budget;
use choice::Folders;
use lease::Held;
use queue::Queue;

pub use choice::choose_model;
pub use lease::Lease;
pub use queue::Admitted;

/// Interval at which a waiting request checks whether it was cancelled.
const LOOK: Duration = Duration::from_millis(50);

/// The models of a device. Clones share them.
#[derive(Clone)]
pub struct Models(Arc<Pool>);

struct Pool {
    engine: Arc<Engine>,
    device: Device,
    folders: Folders,
    queue: Queue,
    state: Mutex<State>,
    /// Held while a model loads, because its cost is the growth of the process.
    loading: Mutex<()>,
    returned: Condvar,
}

struct State {
    budget: Budget,
    loaded: BTreeMap<String, Loaded>,
    /// Leases of all models.
    leases: usize,
}

struct Loaded {
    model: Arc<dyn Model>,
    leases: usize,
    /// When the last lease was returned.
    idle_since: Instant,
}

/// Result of an attempt to lease a model.
enum Attempt {
    Held(Held),
    /// It does not fit beside the models that are leased now.
    Full(Option<Error>),
}

impl Models {
    /// A pool with no model loaded. It has the encoders of the device's students, too ([`features::with_encoders`]).
    pub fn new(engine: Arc<Engine>, device: Device) -> Self {
        let device = features::with_encoders(device);
        let budget = Budget::new(device.runtime.memory_budget);
        let pool = Arc::new(Pool {
            queue: Queue::new(device.runtime.requests),
            engine,
            folders: Folders::new(),
            state: Mutex::new(State { budget, loaded: BTreeMap::new(), leases: 0 }),
            loading: Mutex::new(()),
            returned: Condvar::new(),
            device,
        });
        if let Some(after) = pool.device.runtime.idle_unload {
            return_large_blocks();
            idle::evict_after(after, &pool);
        }
        Models(pool)
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.0.device
    }

    /// ONNX Runtime.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.0.engine
    }

    /// Leases the model that has the capability `C`: the one called `named` under `models`, or else the only one. It is
    /// loaded if necessary. `user` is the command or step that needs it, for errors.
    ///
    /// # Errors
    /// [`Error::NoModel`], [`Error::SeveralModels`] or [`Error::UnknownModel`] if the choice fails; [`Error::Budget`]
    /// if it does not fit into the memory budget; others if it cannot be loaded; [`EngineError::Stopped`] if the
    /// current request is cancelled while it waits.
    pub fn lease<C: Capability + ?Sized>(&self, named: Option<&str>, user: &'static str) -> Result<Lease<C>, Error> {
        let name = self.chosen::<C>(named, user)?;
        match self.0.acquire(&[&name])?.pop() {
            Some(held) => Lease::new(held),
            None => unreachable!("as many leases as names"),
        }
    }

    /// Leases two models at once, so that two requests that need the same two never wait for each other.
    ///
    /// # Errors
    /// As [`Models::lease`].
    pub fn lease_two<A: Capability + ?Sized, B: Capability + ?Sized>(
        &self,
        first: Option<&str>,
        second: Option<&str>,
        user: &'static str,
    ) -> Result<(Lease<A>, Lease<B>), Error> {
        let names = [self.chosen::<A>(first, user)?, self.chosen::<B>(second, user)?];
        let mut held = self.0.acquire(&[&names[0], &names[1]])?;
        match (held.pop(), held.pop()) {
            (Some(second), Some(first)) => Ok((Lease::new(first)?, Lease::new(second)?)),
            _ => unreachable!("as many leases as names"),
        }
    }

    /// The name of the model that [`Models::lease`] would lease. Reads `model.yaml`, but loads no graph.
    ///
    /// # Errors
    /// As [`Models::lease`], apart from loading.
    pub fn chosen<C: Capability + ?Sized>(&self, named: Option<&str>, user: &'static str) -> Result<String, Error> {
        Ok(self.0.folders.choose(&self.0.device, C::NAME, named, user)?.0)
    }

    /// Preprocessing of pictures of the model that [`Models::lease`] would lease, if it accepts any. Loads no graph.
    ///
    /// # Errors
    /// As [`Models::chosen`].
    pub fn view<C: Capability + ?Sized>(
        &self,
        named: Option<&str>,
        user: &'static str,
    ) -> Result<Option<PixelConfig>, Error> {
        let (_, folder) = self.0.folders.choose(&self.0.device, C::NAME, named, user)?;
        Ok(folder.spec.image().map(PixelConfig::from))
    }

    /// The model that computes the embedding of `modality` for the model that [`Models::lease`] would lease; `None` if that
    /// one accepts no such embedding, or nothing names a model that computes it. Loads no graph.
    ///
    /// # Errors
    /// As [`Models::chosen`]; [`Error::Model`] for a model that does not compute what the other one accepts.
    pub fn feature_source<C: Capability + ?Sized>(
        &self,
        named: Option<&str>,
        modality: Modality,
        user: &'static str,
    ) -> Result<Option<FeatureSource>, Error> {
        let (device, folders) = (&self.0.device, &self.0.folders);
        let (key, folder) = folders.choose(device, C::NAME, named, user)?;
        features::source(device, &key, &folder, modality, |name| folders.of(device, name))
    }

    /// What messages to the model that [`Models::lease`] would lease may contain apart from text. Loads no graph.
    ///
    /// # Errors
    /// As [`Models::chosen`].
    pub fn attachments(&self, named: Option<&str>, user: &'static str) -> Result<Vec<Modality>, Error> {
        let (_, folder) = self.0.folders.choose(&self.0.device, capability::CHAT, named, user)?;
        Ok(folder.spec.attachments())
    }

    /// The name of the model that answers while the model that [`Models::lease`] would lease is away
    /// ([`Error::Remote`]), if there is one that has the capability.
    ///
    /// # Errors
    /// As [`Models::chosen`].
    pub fn fallback<C: Capability + ?Sized>(
        &self,
        named: Option<&str>,
        user: &'static str,
    ) -> Result<Option<&str>, Error> {
        let (device, folders) = (&self.0.device, &self.0.folders);
        let (name, _) = folders.choose(device, C::NAME, named, user)?;
        let endpoint = device.models.get(&name).and_then(|entry| entry.endpoint.as_ref());
        let Some(fallback) = endpoint.and_then(|endpoint| endpoint.fallback.as_deref()) else { return Ok(None) };
        let can = folders.of(device, fallback)?.capabilities().contains(&C::NAME);
        Ok(can.then_some(fallback))
    }

    /// Waits for admission: at most `runtime.requests.at_once` requests are processed at a time, most urgent first.
    /// Leasing a model does not require admission.
    ///
    /// # Errors
    /// [`Error::Overloaded`] if the queue is full; [`EngineError::Stopped`] if the current request is cancelled
    /// or its deadline passes.
    pub fn admit(&self) -> Result<Admitted<'_>, Error> {
        self.0.queue.admit(&Request::current())
    }

    /// How many requests are processed now, and how many wait for admission.
    pub fn requests(&self) -> (usize, usize) {
        self.0.queue.lengths()
    }

    /// Makes room for an input of `bytes` that no model holds: evicts the least recently used models, if that helps.
    /// Returns the number of bytes that it may use, [`u64::MAX`] without a budget.
    pub fn make_room_for_input(&self, bytes: u64) -> u64 {
        let mut state = self.0.state();
        loop {
            let (now, at_most) = state.budget.free(bytes);
            // An input that does not fit alone evicts nothing.
            let victim = state.least_recent().filter(|_| now < bytes && bytes <= at_most);
            match victim {
                Some(victim) => state.evict(&victim),
                None => return if bytes <= at_most { now } else { now.max(at_most) },
            }
        }
    }

    /// Warnings about exceeding the budget since the last call, one line each.
    pub fn take_warnings(&self) -> Vec<String> {
        self.0.state().budget.take_warnings()
    }

    /// Names of the loaded models.
    pub fn loaded(&self) -> Vec<String> {
        self.0.state().loaded.keys().cloned().collect()
    }
}

impl Pool {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leases all of `names`, or none.
    fn acquire(self: &Arc<Self>, names: &[&str]) -> Result<Vec<Held>, Error> {
        let request = Request::current();
        loop {
            let mut held = Vec::with_capacity(names.len());
            let mut full = None;
            for name in names {
                match self.attempt(name, held.len())? {
                    Attempt::Held(lease) => held.push(lease),
                    Attempt::Full(refusal) => {
                        full = Some(refusal);
                        break;
                    }
                }
            }
            let Some(refusal) = full else {
                self.state().begin(names[0], names.len());
                return Ok(held);
            };
            // Leases are returned first, so that two requests never wait for each other's models.
            drop(held);
            let state = self.state();
            if state.leases == 0 {
                match refusal {
                    Some(refusal) => return Err(refusal),
                    None => continue,
                }
            }
            request.check().map_err(EngineError::Stopped)?;
            drop(self.returned.wait_timeout(state, LOOK));
        }
    }

    /// Leases one model; loads it if necessary. The caller already holds `own` leases, which are not working yet.
    fn attempt(self: &Arc<Self>, name: &str, own: usize) -> Result<Attempt, Error> {
        {
            let mut state = self.state();
            // Nobody waits for another model to load.
            if state.loaded.contains_key(name) && !state.budget.lacks_room(name) && !state.budget.exceeded() {
                return Ok(Attempt::Held(self.hold(&mut state, name)));
            }
        }
        let _loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let mut state = self.state();
            let fresh = !state.loaded.contains_key(name);
            if fresh {
                let loader = Loader::new(self.engine.clone(), self.entry(name)?)?;
                state.budget.open(name, &loader)?;
                state.make_room(name);
                let before = state.budget.begin();
                drop(state);
                let loaded = kinds::load(loader);
                // The code that loads is not needed again, nor is the memory that it has freed.
                release_unused();
                state = self.state();
                let model = loaded.inspect_err(|_| state.budget.closed(name))?;
                state.loaded.insert(name.to_string(), Loaded { model, leases: 0, idle_since: Instant::now() });
                match state.leases == own {
                    true => state.budget.loaded(name, before),
                    false => state.budget.loaded_beside(name),
                }
            }
            let held = self.hold(&mut state, name);
            state.make_room(name);
            if !state.budget.exceeded() {
                return Ok(Attempt::Held(held));
            }
            let refusal = state.budget.refusal(name);
            drop(state);
            drop(held);
            let mut state = self.state();
            let idle = state.loaded.get(name).is_some_and(|loaded| loaded.leases == 0);
            if idle {
                state.evict(name);
            }
            // Reloading frees the memory that earlier inputs made it keep.
            if fresh || !idle {
                return Ok(Attempt::Full(refusal));
            }
        }
    }

    fn hold(self: &Arc<Self>, state: &mut State, name: &str) -> Held {
        match state.loaded.get_mut(name) {
            Some(loaded) => {
                loaded.leases += 1;
                state.leases += 1;
                Held { pool: self.clone(), name: name.to_string(), model: loaded.model.clone() }
            }
            None => unreachable!("`{name}` is loaded"),
        }
    }

    fn entry(&self, name: &str) -> Result<&ModelEntry, Error> {
        self.device.models.get(name).ok_or_else(|| choice::unknown(&self.device, name))
    }

    /// Records that a lease ended.
    fn give_back(&self, name: &str) {
        let mut state = self.state();
        state.leases -= 1;
        if let Some(loaded) = state.loaded.get_mut(name) {
            loaded.leases -= 1;
            loaded.idle_since = Instant::now();
        }
        if state.leases == 0 {
            state.budget.settle();
        }
        drop(state);
        self.returned.notify_all();
    }

    /// Evicts the models that have been idle for this long.
    fn evict_idle(&self, after: Duration) {
        let mut state = self.state();
        let idle = state.loaded.iter().filter(|(_, it)| it.leases == 0 && it.idle_since.elapsed() >= after);
        let idle: Vec<String> = idle.map(|(name, _)| name.clone()).collect();
        idle.iter().for_each(|name| state.evict(name));
        if !idle.is_empty() {
            release_unused();
        }
    }
}

impl State {
    /// Records that `name` starts to work. Its memory is measured if only the caller's `own` leases exist.
    fn begin(&mut self, name: &str, own: usize) {
        match self.leases == own {
            true => self.budget.start(name),
            false => self.budget.start_beside(name),
        }
    }

    /// Evicts the least recently used models until `name` fits, if that helps.
    fn make_room(&mut self, name: &str) {
        while self.budget.lacks_room(name)
            && let Some(victim) = self.least_recent().filter(|victim| victim != name)
        {
            self.evict(&victim);
        }
    }

    /// The least recently used model that is not leased.
    fn least_recent(&self) -> Option<String> {
        let idle = self.loaded.iter().filter(|(_, loaded)| loaded.leases == 0);
        idle.min_by_key(|(name, _)| self.budget.last_used(name)).map(|(name, _)| name.clone())
    }

    fn evict(&mut self, name: &str) {
        self.loaded.remove(name);
        self.budget.closed(name);
    }
}
