//! A temporary folder that the user need not see.

use std::path::{Path, PathBuf};
use std::{env, fs, io, process};

use edgefuse::OutputError;
use edgefuse::error::Error;

/// A private temporary folder (in `TMPDIR`), removed with its content when dropped.
#[derive(Debug)]
pub struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    /// Creates the folder.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn new() -> Result<Self, Error> {
        let mut number = 0;
        loop {
            let folder = env::temp_dir().join(format!("edgefuse-bench-{}-{number}", process::id()));
            match fs::create_dir(&folder) {
                Ok(()) => return Ok(TemporaryFolder(folder)),
                // Left by an earlier process with the same id.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < 1_000 => number += 1,
                Err(source) => return Err(Error::File(OutputError::Write { path: folder, source })),
            }
        }
    }

    /// Path of the folder.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
