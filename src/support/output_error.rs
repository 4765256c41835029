//! Errors of writing outputs.

use std::io;
use std::path::PathBuf;

/// A file cannot be written or locked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// Another process writes to the same place.
    #[error(
        "{}: another run{} is writing there: wait for it to end, or choose another place", path.display(),
        holder.map(|holder| format!(" (process {holder})")).unwrap_or_default()
    )]
    Busy {
        /// The output file or folder.
        path: PathBuf,
        /// The other process, if its id is known.
        holder: Option<u32>,
    },
    /// The file cannot be written.
    #[error("{}: cannot write: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system reported.
        source: io::Error,
    },
}
