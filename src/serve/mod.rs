//! `edgefuse serve`: offers a device's models to other programs over HTTP and Wyoming.
//!
//! Protocols run on a small tokio runtime; inference runs on threads of its own ([`service`]), never on the runtime's.

mod announce;
mod board;
mod event;
mod http;
mod key;
mod listen;
mod manifests;
mod metrics;
mod outlook;
mod pcm;
pub mod recent;
mod service;
mod signals;
mod sinks;
mod source_counts;
mod sources;
mod speech_models;
mod station;
mod utterance;
mod wyoming;

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use edgefuse::Error;
use edgefuse::config::{Device, Server as ServerConfig};
use edgefuse::engine::{release_unused, share_one_heap};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use announce::Announcement;
use listen::Sockets;
use service::Service;
use sources::Sources;
use station::Station;

/// Threads for the protocols, which only move bytes.
const PROTOCOL_THREADS: usize = 2;

/// Threads for inference beyond those that run or wait: requests that are ending, look-ups of host names.
const SPARE_THREADS: usize = 8;

/// Interval at which the service reports that it is alive.
const TICK: Duration = Duration::from_secs(1);

/// Cancelled requests may take this long to notice; then the process ends without them.
const GRACE: Duration = Duration::from_secs(5);

/// Why the service cannot start.
#[derive(Debug)]
pub enum StartError {
    /// Wrong usage or configuration.
    Usage(String),
    /// The library or the configuration of models cannot be used.
    Library(Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            StartError::Usage(problem) => formatter.write_str(problem),
            StartError::Library(error) => error.fmt(formatter),
        }
    }
}

impl From<Error> for StartError {
    fn from(error: Error) -> Self {
        StartError::Library(error)
    }
}

/// The phase of the service's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    /// It accepts work.
    Serving,
    /// It finishes the work that it accepted.
    Draining,
}

/// Where clients find the service.
pub struct Addresses {
    pub http: Option<SocketAddr>,
    pub wyoming: Option<SocketAddr>,
}

impl fmt::Display for Addresses {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let http = self.http.map(|address| format!("http://{address}"));
        let wyoming = self.wyoming.map(|address| format!("tcp://{address} (wyoming)"));
        let all: Vec<String> = http.into_iter().chain(wyoming).collect();
        formatter.write_str(&all.join(" and "))
    }
}

/// A service that listens.
pub struct Server {
    runtime: Runtime,
    service: Arc<Service>,
    config: ServerConfig,
    sockets: Sockets,
    addresses: Addresses,
    station: Shop,
}

impl Server {
    /// Starts ONNX Runtime and listens; requests are answered once [`Server::run`] runs. `insecure` allows addresses other
    /// than loopback without a key.
    ///
    /// # Errors
    /// [`StartError`]: nothing to serve, an address without a key or that cannot be listened on, a device file or library
    /// that cannot be used.
    pub fn start(device: Device, insecure: bool) -> Result<Self, StartError> {
        let config = device.server.clone();
        let file = device.path.display().to_string();
        if config.http.is_none() && config.wyoming.is_none() && device.sources.is_empty() {
            return Err(StartError::Usage(format!(
                "{file}: neither `server` nor `sources`, of which `serve` needs one: add `server: {{http: {{listen: \
                 127.0.0.1:8080}}}}`"
            )));
        }
        let sockets = Sockets::open(&config, &device.path)?;
        let bound = |socket: &Option<std::net::TcpListener>| socket.as_ref().and_then(|it| it.local_addr().ok());
        let addresses = Addresses { http: bound(&sockets.http), wyoming: bound(&sockets.wyoming) };
        let keyless = config.http.as_ref().is_some_and(|http| http.api_key_file.is_none());
        if let Some(address) = addresses.http.filter(|address| !address.ip().is_loopback() && keyless && !insecure) {
            return Err(StartError::Usage(format!(
                "{file}: server.http.listen: {address} can be reached from other machines: set `api_key_file`, or start \
                 with --insecure"
            )));
        }
        let requests = device.runtime.requests;
        let live = config.http.as_ref().map_or(0, |http| http.limits.live);
        let threads = [requests.most(), live].into_iter().fold(SPARE_THREADS, usize::saturating_add);
        // Before there are other threads. The engine turns telemetry off only then, too.
        share_one_heap();
        let service = Arc::new(Service::start(device)?);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(PROTOCOL_THREADS)
            .max_blocking_threads(threads)
            .thread_name("edgefuse-serve")
            .enable_io()
            .enable_time()
            .build()
            .map_err(|error| StartError::Usage(format!("cannot start threads: {error}")))?;
        let station = Arc::new(Mutex::new(Some(Station::start(&service, &service.board())?)));
        release_unused();
        Ok(Server { runtime, service, config, sockets, addresses, station })
    }

    /// What it does: its sources, and where it listens, a line each.
    pub fn summary(&self) -> Vec<String> {
        let board = self.service.board();
        let sources: Vec<&str> = board.device().sources.keys().map(String::as_str).collect();
        let sources = (!sources.is_empty()).then(|| format!("sources: {}", sources.join(", ")));
        let addresses = self.addresses.to_string();
        sources.into_iter().chain((!addresses.is_empty()).then(|| format!("listening on {addresses}"))).collect()
    }

    /// Serves until SIGTERM or SIGINT; then finishes accepted work, or cancels it after `server.drain`. SIGHUP reloads
    /// the device file. `alive` is called about once a second, and `report` with a line for the person who runs it.
    ///
    /// # Errors
    /// [`StartError::Usage`] if signals cannot be received.
    pub fn run(self, alive: &mut dyn FnMut(), report: &dyn Fn(&str)) -> Result<(), StartError> {
        let Server { runtime, service, config, sockets, addresses, station } = self;
        let drained = runtime.block_on(async {
            let (phase, phases) = watch::channel(Phase::Serving);
            let mut signals = signals::Signals::new()
                .map_err(|error| StartError::Usage(format!("cannot receive signals: {error}")))?;
            let mut protocols = tokio::task::JoinSet::new();
            let registered = |socket| {
                let registered = TcpListener::from_std(socket);
                registered.map_err(|error| StartError::Usage(format!("cannot listen: {error}")))
            };
            if let (Some(socket), Some(http)) = (sockets.http, config.http) {
                protocols.spawn(http::serve(registered(socket)?, service.clone(), http.limits.live, phases.clone()));
            }
            let announced = config.wyoming.as_ref().filter(|wyoming| wyoming.announce).and(addresses.wyoming);
            let _announcement = announced
                .map(|address| Announcement::start(service.board().device(), address).map_err(StartError::Usage))
                .transpose()?;
            if let Some(socket) = sockets.wyoming {
                protocols.spawn(wyoming::serve(registered(socket)?, service.clone(), phases.clone()));
            }
            let mut tick = tokio::time::interval(TICK);
            loop {
                tokio::select! {
                    _ = tick.tick() => alive(),
                    signal = signals.next() => match signal {
                        signals::Signal::Reload => {
                            let (service, station) = (service.clone(), station.clone());
                            let outcome = tokio::task::spawn_blocking(move || reload(&service, &station)).await;
                            report(&outcome.unwrap_or_else(|_| "error: reloading the device file failed".to_string()));
                        }
                        signals::Signal::Stop => break,
                    },
                }
            }
            service.stop_taking_work();
            let _ = phase.send(Phase::Draining);
            let until = tokio::time::Instant::now() + service.board().device().server.drain.0;
            let (ended, ending) = tokio::sync::oneshot::channel();
            // A thread of its own: those for inference may all be occupied.
            std::thread::spawn(move || {
                stop(&station, until.into_std());
                let _ = ended.send(());
            });
            protocols.spawn(async move { drop(ending.await) });
            let drained = drain(&mut protocols, until, &mut tick, alive, &mut signals).await;
            if !drained {
                service.cancel_all();
                drain(&mut protocols, tokio::time::Instant::now() + GRACE, &mut tick, alive, &mut signals).await;
            }
            Ok::<_, StartError>(drained)
        });
        if let Ok(false) = drained {
            report("stopped: requests that were still running were cancelled");
        }
        runtime.shutdown_timeout(GRACE);
        drained.map(|_| ())
    }
}

/// The station, which a reload replaces.
type Shop = Arc<Mutex<Option<Station>>>;

/// Ends the sources and sinks by `until`.
fn stop(station: &Shop, until: Instant) {
    if let Some(station) = station.lock().unwrap_or_else(PoisonError::into_inner).take() {
        station.stop(until);
    }
}

/// Reloads the device file; if it cannot be used, the previous one stays in use. Returns the outcome, in one line.
fn reload(service: &Arc<Service>, station: &Shop) -> String {
    let kept = |error: StartError| format!("error: {error}; the previous device file stays in use");
    let (board, note) = match service.read_again() {
        Ok(read) => read,
        Err(error) => return kept(error),
    };
    if let Err(error) = Sources::check(board.device()) {
        return kept(error);
    }
    // Old and new may use the same devices and files, so the old ones end first.
    stop(station, Instant::now() + GRACE);
    let started = Station::start(service, &board);
    let outcome = match &started {
        Ok(_) => {
            service.replace_board(board);
            format!("reloaded the device file{note}")
        }
        Err(error) => format!("error: {error}; the previous device file stays in use"),
    };
    let running = started.or_else(|_| Station::start(service, &service.board()));
    match running {
        Ok(running) => {
            *station.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
            outcome
        }
        Err(error) => format!("{outcome}; error: its sources and sinks do not start again: {error}"),
    }
}

/// Waits for the protocols to end; `false` if they did not by `until`, or a second signal came.
async fn drain(
    protocols: &mut tokio::task::JoinSet<()>,
    until: tokio::time::Instant,
    tick: &mut tokio::time::Interval,
    alive: &mut dyn FnMut(),
    signals: &mut signals::Signals,
) -> bool {
    loop {
        tokio::select! {
            ended = protocols.join_next() => if ended.is_none() {
                return true;
            },
            _ = tick.tick() => alive(),
            () = tokio::time::sleep_until(until) => return false,
            signal = signals.next() => if signal == signals::Signal::Stop {
                return false;
            },
        }
    }
}
