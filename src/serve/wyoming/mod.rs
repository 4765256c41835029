//! Wyoming, Home Assistant's protocol for speech: <https://github.com/OHF-Voice/wyoming>.

mod event;
mod info;
mod session;

use std::sync::Arc;
use std::time::Duration;

use edgefuse::config::Wyoming;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use super::Phase;
use super::metrics::Rejection;
use super::service::Service;

/// Pause after a failed `accept`, such as when no file descriptor is free.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until the phase changes and the last utterance is transcribed.
pub(super) async fn serve(
    listener: TcpListener,
    service: Arc<Service>,
    config: Wyoming,
    mut phases: watch::Receiver<Phase>,
) {
    let places = Arc::new(Semaphore::new(config.limits.connections.min(Semaphore::MAX_PERMITS)));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => match places.clone().try_acquire_owned() {
                    Ok(place) => {
                        let session = session::run(stream, service.clone(), config.limits, phases.clone());
                        connections.spawn(async move {
                            if let Err(error) = session.await {
                                log::debug!("wyoming: {error}");
                            }
                            drop(place);
                        });
                    }
                    Err(_) => service.metrics.rejected(Rejection::Connections),
                },
                Err(error) => {
                    log::warn!("wyoming: cannot accept a connection: {error}");
                    tokio::time::sleep(PAUSE).await;
                }
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            _ = phases.changed() => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}
