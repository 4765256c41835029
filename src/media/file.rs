//! Opens files for decoding.

use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Why a file cannot be read, whatever is in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The operating system could not open or read it.
    #[error("cannot be read: {0}")]
    Io(io::Error),

    /// The path is a directory.
    #[error("is a directory, not a file")]
    Directory,

    /// The path is a pipe, a socket or a device, which may never end.
    #[error("is not a regular file: write its content to a file first")]
    NotRegular,

    /// What came out of a pipe could not be kept while it was read.
    #[error("is a pipe, and cannot be kept in a temporary file: {0} (TMPDIR chooses another folder)")]
    Spool(io::Error),

    /// A pipe did not end within reason.
    #[error("is a pipe with more than {bytes} bytes: write its content to a file, or transcribe it with `-`")]
    LongPipe {
        /// Bytes that are kept, at most.
        bytes: u64,
    },

    /// The file has no bytes.
    #[error("is an empty file")]
    Empty,
}

/// The file and its length in bytes.
pub(super) fn open(path: &Path) -> Result<(File, u64), FileError> {
    // Asked before it is opened: opening a pipe waits for somebody to write to it.
    let metadata = fs::metadata(path).map_err(FileError::Io)?;
    if metadata.is_dir() {
        return Err(FileError::Directory);
    }
    if !metadata.is_file() {
        return Err(FileError::NotRegular);
    }
    if metadata.len() == 0 {
        return Err(FileError::Empty);
    }
    let file = File::open(path).map_err(FileError::Io)?;
    Ok((file, metadata.len()))
}
