//! Session profiles: ONNX Runtime writes one per session, as a list of events for chrome://tracing and Perfetto.

use std::path::{Path, PathBuf};
use std::time::Instant;

/// Where the profiles of an engine's sessions go.
#[derive(Debug, Clone)]
pub(super) struct Profiles {
    folder: PathBuf,
    started: Instant,
}

impl Profiles {
    pub(super) fn new(folder: &Path) -> Self {
        Profiles { folder: folder.to_path_buf(), started: Instant::now() }
    }

    /// Prefix of the profile's file name for the graph `name`; ONNX Runtime appends the date and `.json`.
    ///
    /// Times in a profile are relative to its session, so the name contains the start of the session in microseconds,
    /// by which profiles can be aligned.
    pub(super) fn prefix(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{:012}.{}", self.started.elapsed().as_micros(), name.replace('/', ".")))
    }
}
