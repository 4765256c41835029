//! Errors of indexes.

use std::io;
use std::path::PathBuf;

use super::Shelf;
use crate::support::output_error::OutputError;

/// Why an index cannot be made, changed or searched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// There is no index at this path.
    #[error("{}: not an index: {problem}", path.display())]
    NotAnIndex {
        /// The folder.
        path: PathBuf,
        /// What is there instead.
        problem: String,
    },
    /// The index was cut off or changed by something else.
    #[error("{}: the index is damaged: {problem}; delete it and index again", path.display())]
    Damaged {
        /// The folder.
        path: PathBuf,
        /// What does not fit.
        problem: String,
    },
    /// Another version of the program made the index.
    #[error("{}: the index has format {found}, but this version reads {known}; delete it and index again", path.display())]
    Format {
        /// The folder.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The format of this version.
        known: u32,
    },
    /// Vectors of different models cannot be compared.
    #[error(
        "{}: its {shelf} vectors were made by {made_by}, which is not the given {asked}; use that model, or another index",
        path.display()
    )]
    OtherModel {
        /// The folder.
        path: PathBuf,
        /// What the vectors are of.
        shelf: Shelf,
        /// The model that made the vectors of the index.
        made_by: String,
        /// The model that made the given vector.
        asked: String,
    },
    /// A filter cannot be understood.
    #[error("filter `{filter}`: {problem}")]
    Filter {
        /// The filter.
        filter: String,
        /// What is wrong, where, and what is accepted.
        problem: String,
    },
    /// A vector or query that no index accepts.
    #[error("{problem}")]
    Unusable {
        /// What is wrong with it.
        problem: String,
    },
    /// Another process has kept the index busy for too long.
    #[error("{}: another process has been using the index for {seconds} s; try again later", path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
        /// How long this one waited.
        seconds: u64,
    },
    /// A file of the index cannot be read.
    #[error("{}: cannot read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system reported.
        source: io::Error,
    },
    /// A file of the index cannot be written, or another process writes to the index.
    #[error(transparent)]
    Write(#[from] OutputError),
}
