//! A temporary folder that the user need not see.

use std::path::{Path, PathBuf};
use std::{env, fs, io, process};

use edgefuse::error::Error;

/// A folder of this process alone, below that of temporary files (`TMPDIR`); dropped, it vanishes with what is in it.
#[derive(Debug)]
pub struct TemporaryFolder(PathBuf);

impl TemporaryFolder {
    /// Makes it.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn new() -> Result<Self, Error> {
        let mut number = 0;
        loop {
            let folder = env::temp_dir().join(format!("edgefuse-bench-{}-{number}", process::id()));
            match fs::create_dir(&folder) {
                Ok(()) => return Ok(TemporaryFolder(folder)),
                // Left by another process of this number.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && number < 1_000 => number += 1,
                Err(source) => return Err(Error::Write { path: folder, source }),
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
