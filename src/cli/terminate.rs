//! Removes unfinished files when the process is terminated by a signal.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// Files that are removed on SIGTERM, SIGINT and SIGHUP before these end the process as usual: a service that is
/// stopped while processing a file has not failed at it.
pub(super) struct Leftovers(Arc<Mutex<Vec<PathBuf>>>);

impl Leftovers {
    /// Starts to listen for the signals.
    pub fn on_termination() -> io::Result<Self> {
        let files = Arc::new(Mutex::new(Vec::new()));
        let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP])?;
        let remove = Arc::clone(&files);
        thread::spawn(move || {
            for signal in signals.forever() {
                // Held until the process is gone, so that the next file is not started.
                let files: std::sync::MutexGuard<Vec<PathBuf>> = remove.lock().unwrap_or_else(PoisonError::into_inner);
                files.iter().for_each(|file| {
                    let _ = fs::remove_file(file);
                });
                let _ = emulate_default_handler(signal);
            }
        });
        Ok(Leftovers(files))
    }

    /// Sets the files to remove.
    pub fn set(&self, files: impl IntoIterator<Item = PathBuf>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = files.into_iter().collect();
    }

    /// Clears the files to remove.
    pub fn clear(&self) {
        self.set([]);
    }
}
