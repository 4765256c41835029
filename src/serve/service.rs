//! What the protocols share: the board, the running requests, and the threads for inference.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use edgefuse::Error;
use edgefuse::config::{Device, Threads};
use edgefuse::engine::{Engine, EngineError};
use edgefuse::request::{Request, Stopped};

use super::StartError;
use super::board::Board;
use super::manifests::Manifests;
use super::metrics::{Metrics, Rejection};

/// What was made from the device file at the start, and stays as it is.
#[derive(PartialEq, Eq)]
struct Fixed {
    /// Addresses of the sockets.
    http: Option<SocketAddr>,
    wyoming: Option<SocketAddr>,
    /// The device's name, if Wyoming is announced.
    announced: Option<String>,
    /// Number of live sessions, each of which needs a thread.
    live: Option<usize>,
    library: Option<PathBuf>,
    threads: Threads,
}

impl Fixed {
    fn of(device: &Device) -> Self {
        let (http, wyoming) = (device.server.http.as_ref(), device.server.wyoming.as_ref());
        Fixed {
            http: http.map(|http| http.listen),
            wyoming: wyoming.map(|wyoming| wyoming.listen),
            announced: wyoming.filter(|wyoming| wyoming.announce).map(|_| device.name.clone()),
            live: http.map(|http| http.limits.live),
            library: device.runtime.library.clone(),
            threads: device.runtime.threads,
        }
    }
}

/// The service behind all protocols.
pub struct Service {
    board: RwLock<Arc<Board>>,
    fixed: Fixed,
    /// Maximum number of accepted requests that the thread pool was sized for at the start.
    most_requests: usize,
    pub metrics: Metrics,
    /// How far the sources' manifests were processed.
    pub manifests: Manifests,
    running: Mutex<HashMap<u64, Request>>,
    next: AtomicU64,
    stopping: AtomicBool,
    /// Unix time at the start, in seconds.
    pub started: u64,
    start: Instant,
}

/// Why a request failed.
#[derive(Debug)]
pub enum Trouble {
    /// An error of the library.
    Library(Error),
    /// The queue is full.
    Full,
    /// The service is stopping.
    Stopping,
    /// The work ended in a panic, which was reported on standard error.
    Panicked,
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        match error {
            Error::Overloaded { .. } => Trouble::Full,
            error => Trouble::Library(error),
        }
    }
}

/// Cancels a request when dropped, along with the connection or task that waits for its result. Has no effect on a
/// finished request.
pub struct CancelOnDrop(pub Request);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// An entry in the list of running requests, removed when dropped.
struct Listed<'a> {
    service: &'a Service,
    id: u64,
}

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.service.running().remove(&self.id);
    }
}

impl Service {
    /// Starts ONNX Runtime.
    pub fn start(device: Device) -> Result<Self, StartError> {
        let engine = Engine::start(&device.runtime, &device.base).map_err(Error::from)?;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Ok(Service {
            fixed: Fixed::of(&device),
            most_requests: device.runtime.requests.most(),
            board: RwLock::new(Arc::new(Board::new(Arc::new(engine), device)?)),
            metrics: Metrics::new(),
            manifests: Manifests::default(),
            running: Mutex::default(),
            next: AtomicU64::new(0),
            stopping: AtomicBool::new(false),
            started: now.map_or(0, |now| now.as_secs()),
            start: Instant::now(),
        })
    }

    /// The current board. It stays usable after a reload, for as long as it is held.
    pub fn board(&self) -> Arc<Board> {
        self.board.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Time since the start.
    pub fn uptime(&self) -> Duration {
        self.start.elapsed()
    }

    /// Reads the device file again: the new board, and a note about what changes only with a restart. The board in use
    /// stays.
    ///
    /// # Errors
    /// [`StartError`] for a device file that cannot be used.
    pub fn read_again(&self) -> Result<(Arc<Board>, &'static str), StartError> {
        let before = self.board();
        let device = Device::load(&before.device().path).map_err(Error::from)?;
        let needs_restart = Fixed::of(&device) != self.fixed || device.runtime.requests.most() > self.most_requests;
        let board = Board::new(before.models.engine().clone(), device)?;
        // A service that was open to other machines with a key must not lose it by mistake, be it with its whole section.
        if before.key.is_some() && board.key.is_none() {
            return Err(StartError::Usage("server.http.api_key_file: removing the key needs a restart".to_string()));
        }
        let note = "; addresses, `announce`, `live`, threads for more `requests`, the library and its threads change only \
                    with a restart";
        Ok((Arc::new(board), if needs_restart { note } else { "" }))
    }

    /// Replaces the board.
    pub fn replace_board(&self, board: Arc<Board>) {
        *self.board.write().unwrap_or_else(PoisonError::into_inner) = board;
    }

    /// Runs `work` on a thread for inference, as part of `request`. The request is cancelled if the caller stops waiting.
    ///
    /// # Errors
    /// [`Trouble`]; [`Trouble::Full`] and [`Trouble::Stopping`] at once.
    pub async fn work<T: Send + 'static>(
        self: &Arc<Self>,
        request: Request,
        work: impl FnOnce(&Board) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Trouble> {
        if self.stopping.load(Ordering::Relaxed) {
            self.metrics.rejected(Rejection::Stopping);
            return Err(Trouble::Stopping);
        }
        let board = self.board();
        let Ok(place) = board.places.clone().try_acquire_owned() else {
            self.metrics.rejected(Rejection::QueueFull);
            return Err(Trouble::Full);
        };
        let (service, started) = (self.clone(), Instant::now());
        let work = move |board: &Board| {
            let _place = place;
            let outcome = work(board);
            service.metrics.worked(started.elapsed());
            outcome
        };
        self.spawn(board, request, work).await
    }

    /// Like [`Service::work`], for work that lasts as long as its client: it takes no place in the queue.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn live<T: Send + 'static>(
        self: &Arc<Self>,
        request: Request,
        work: impl FnOnce(&Board) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Trouble> {
        self.spawn(self.board(), request, work).await
    }

    async fn spawn<T: Send + 'static>(
        self: &Arc<Self>,
        board: Arc<Board>,
        request: Request,
        work: impl FnOnce(&Board) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Trouble> {
        let (service, cancel) = (self.clone(), CancelOnDrop(request.clone()));
        let done = tokio::task::spawn_blocking(move || service.here(&request, || work(&board)));
        let outcome = done.await;
        drop(cancel);
        match outcome {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                let trouble = Trouble::from(error);
                if matches!(trouble, Trouble::Full) {
                    self.metrics.rejected(Rejection::QueueFull);
                }
                Err(trouble)
            }
            Err(_) => Err(Trouble::Panicked),
        }
    }

    /// Runs `work` on the current thread, as part of `request`. It takes no place in the queue of clients.
    ///
    /// # Errors
    /// Those of `work`.
    pub fn here<T>(&self, request: &Request, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.running().insert(id, request.clone());
        let _listed = Listed { service: self, id };
        let outcome = request.run(work);
        if let Err(Error::Engine(EngineError::Stopped(stopped))) = &outcome {
            self.metrics.stopped(*stopped == Stopped::Cancelled);
        }
        outcome
    }

    /// Requests are refused from now on.
    pub fn stop_taking_work(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether requests are refused.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Cancels every request.
    pub fn cancel_all(&self) {
        self.running().values().for_each(Request::cancel);
    }

    fn running(&self) -> MutexGuard<'_, HashMap<u64, Request>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
