//! The HTTP API.

mod access;
mod body;
mod doctor;
mod events;
mod failure;
mod form;
mod json;
mod openai;
mod openapi;
mod operations;
mod own;
mod page;
mod realtime;
mod response;
mod routes;
mod search;
mod work;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use edgefuse::config::Limits;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_io_timeout::TimeoutStream;

use super::Phase;
use super::listen::has_room;
use super::metrics::Rejection;
use super::service::Service;
use failure::Failure;
use routes::Routes;

/// Maximum number of headers in a request.
const MOST_HEADERS: usize = 64;

/// Maximum size of a request's headers in bytes.
const LONGEST_HEADER: usize = 32 << 10;

/// Pause after a failed `accept`, such as when no file descriptor is free.
const PAUSE: Duration = Duration::from_millis(100);

/// Response to a connection beyond the limit.
const TOO_MANY: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// State shared by the handlers.
#[derive(Clone)]
struct Api {
    service: Arc<Service>,
    /// Whether the service listens on loopback.
    loopback: bool,
    /// One permit for each live session.
    lives: Arc<Semaphore>,
    most_live: usize,
    phases: watch::Receiver<Phase>,
}

impl Api {
    /// How many live sessions are open.
    fn live_sessions(&self) -> usize {
        self.most_live.saturating_sub(self.lives.available_permits())
    }
}

/// Serves until the phase changes and the last connection is done. `live` is the maximum number of live sessions.
pub(super) async fn serve(
    listener: TcpListener,
    service: Arc<Service>,
    live: usize,
    mut phases: watch::Receiver<Phase>,
) {
    // The listener may be another one than the device file's, if systemd passed it.
    let loopback = listener.local_addr().is_ok_and(|address| address.ip().is_loopback());
    let lives = u32::try_from(live).unwrap_or(u32::MAX);
    let sessions = Arc::new(Semaphore::new(lives as usize));
    let api =
        Api { service: service.clone(), loopback, lives: sessions.clone(), most_live: live, phases: phases.clone() };
    let router = router(api);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let limits = service.board().limits;
                    if has_room(&mut connections, limits.connections) {
                        connections.spawn(connection(stream, router.clone(), limits, phases.clone()));
                    } else {
                        service.metrics.rejected(Rejection::Connections);
                        let _ = stream.try_write(TOO_MANY);
                    }
                }
                Err(error) => {
                    log::warn!("http: cannot accept a connection: {error}");
                    tokio::time::sleep(PAUSE).await;
                }
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            _ = phases.changed() => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
    // Live sessions outlast the connections that they began with.
    let _ = sessions.acquire_many(lives).await;
}

/// One connection, which ends after the request in flight once the service drains.
async fn connection(stream: TcpStream, router: Router, limits: Limits, mut phases: watch::Receiver<Phase>) {
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    // A client that does not read its answer must not keep its connection.
    stream.set_write_timeout(Some(limits.stall));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_time)
        .max_headers(MOST_HEADERS)
        .max_buf_size(LONGEST_HEADER)
        .serve_connection(TokioIo::new(Box::pin(stream)), TowerToHyperService::new(router))
        .with_upgrades();
    tokio::pin!(served);
    let outcome = tokio::select! {
        outcome = served.as_mut() => outcome,
        _ = phases.changed() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    // A disconnect or a malformed request is no concern of the person who runs the service.
    if let Err(error) = outcome {
        log::debug!("http: {error}");
    }
}

/// Routes that need no key.
fn open() -> Routes {
    Routes::default()
        .get("/health", operations::live)
        .get("/ready", operations::ready)
        .get("/v2/health/live", operations::live)
        .get("/v2/health/ready", operations::ready)
        .get("/openapi.json", openapi::description)
}

/// Routes that need the key, if there is one.
fn guarded() -> Routes {
    Routes::default()
        .get("/metrics", operations::metrics)
        .post("/inference", openai::inference)
        .post("/v1/audio/transcriptions", openai::transcriptions)
        .post("/v1/audio/translations", openai::translations)
        .post("/v1/chat/completions", openai::chat)
        .post("/v1/completions", openai::completions)
        .get("/v1/realtime", realtime::realtime)
        .post("/v1/embeddings", openai::embeddings)
        .get("/v1/models", openai::models)
        .get("/v1/models/{name}", openai::model)
        .post("/v1/run", own::run)
        .post("/v1/fuse", own::fuse)
        .post("/v1/match", own::compare)
        .get("/v1/search", search::indexes)
        .post("/v1/search", search::search)
        .get("/v1/search/{index}/{item}/thumbnail", search::thumbnail)
        .get("/v1/doctor", doctor::doctor)
}

fn router(api: Api) -> Router {
    let key = axum::middleware::from_fn_with_state(api.clone(), access::with_key);
    open()
        .router
        .merge(guarded().router.route_layer(key))
        .merge(page::routes())
        .fallback(async || Failure::not_found("no such path; docs/serve.md lists the API"))
        .method_not_allowed_fallback(async || Failure::method())
        .layer(axum::middleware::from_fn_with_state(api.clone(), access::around))
        .with_state(api)
}
