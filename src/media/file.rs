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

    /// The content of a pipe could not be stored.
    #[error("is a pipe whose content cannot be stored in a temporary file: {0} (set TMPDIR to use another folder)")]
    Spool(io::Error),

    /// A pipe has too much content.
    #[error("is a pipe with more than {bytes} bytes: write its content to a file, or transcribe it with `-`")]
    LongPipe {
        /// The limit in bytes.
        bytes: u64,
    },

    /// The file has no bytes.
    #[error("is an empty file")]
    Empty,
}

/// The file and its length in bytes.
pub(crate) fn open(path: &Path) -> Result<(File, u64), FileError> {
    // Checked before it is opened: opening a pipe blocks until it has a writer.
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
