//! Wyoming, Home Assistant's protocol for speech: <https://github.com/OHF-Voice/wyoming>.

mod event;
mod info;
mod session;
mod transcription;

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::Phase;
use super::listen::has_room;
use super::metrics::Rejection;
use super::service::Service;

/// Pause after a failed `accept`, such as when no file descriptor is free.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until the phase changes and the last utterance is transcribed.
pub(super) async fn serve(listener: TcpListener, service: Arc<Service>, mut phases: watch::Receiver<Phase>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => match has_room(&mut connections, service.board().wyoming.connections) {
                    true => {
                        let session = session::run(stream, service.clone(), phases.clone());
                        connections.spawn(async move {
                            if let Err(error) = session.await {
                                log::debug!("wyoming: {error}");
                            }
                        });
                    }
                    false => service.metrics.rejected(Rejection::Connections),
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
