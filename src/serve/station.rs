//! The device at work: its sources and sinks, between which the pipeline runs. A reload replaces the whole station.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::StartError;
use super::board::Board;
use super::event::Event;
use super::service::Service;
use super::sinks::Sinks;
use super::sources::{self, Publish, Sources};

/// Maximum time for the sources to end.
const GRACE: Duration = Duration::from_secs(3);

/// Running sources and sinks.
pub struct Station {
    sources: Sources,
    sinks: Arc<Sinks>,
}

impl Station {
    /// Opens the sinks and starts the sources of the board's device.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(service: &Arc<Service>, board: &Arc<Board>) -> Result<Self, StartError> {
        let device = board.device();
        Sources::check(device)?;
        let (switchboard, lines) = sources::switchboard(device);
        let sinks =
            Arc::new(Sinks::start(device, &sources::outlooks(device), &service.metrics.sinks, Arc::new(switchboard))?);
        let publish: Publish = match device.sinks.is_empty() {
            true => Arc::new(|event| print(&event)),
            false => {
                let sinks = sinks.clone();
                Arc::new(move |event| sinks.publish(&Arc::new(event)))
            }
        };
        let sources = Sources::start(service, board, lines, &publish)?;
        Ok(Station { sources, sinks })
    }

    /// Ends the sources, then delivers what waits in the sinks, by `until`.
    pub fn stop(self, until: Instant) {
        self.sources.join(until.min(Instant::now() + GRACE));
        self.sinks.stop(until);
    }
}

/// Without sinks, results go to standard output. A reader that has gone away does not end the service.
fn print(event: &Event) {
    if let Some(line) = event.line()
        && let Ok(mut text) = serde_json::to_string(line)
    {
        text.push('\n');
        let _ = std::io::stdout().lock().write_all(text.as_bytes());
    }
}
