//! Advisory locks: only one process at a time may write to an output.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::output_error::OutputError;

/// Maximum number of attempts to open a lock file that its holder removed meanwhile.
const ATTEMPTS: u32 = 100;

/// "No locks available": what NFS without a lock manager returns.
const ENOLCK: i32 = 37;

/// An exclusive `flock` on a separate file, which contains the process id.
///
/// The kernel releases the lock when the process ends for any reason; a leftover file blocks nobody.
pub struct FileLock {
    path: PathBuf,
    _file: File,
}

impl FileLock {
    /// Creates and locks `path` on behalf of `target`. On a file system without locks, logs a warning and continues.
    ///
    /// # Errors
    /// [`OutputError::Busy`] when another process holds the lock; [`OutputError::Write`] when the file cannot be
    /// created.
    pub fn acquire(path: &Path, target: &Path) -> Result<Self, OutputError> {
        let failed = |source| OutputError::Write { path: path.to_path_buf(), source };
        for _ in 0..ATTEMPTS {
            let mut file =
                OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(OutputError::Busy { path: target.to_path_buf(), holder: holder(&mut file) });
                }
                Err(TryLockError::Error(error)) if unsupported(&error) => {
                    log::warn!(
                        "{}: this file system has no locks ({error}), so a second process may write to it too",
                        target.display()
                    );
                    return Ok(FileLock { path: path.to_path_buf(), _file: file });
                }
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
            // The former holder may have removed the file after it was opened here.
            if is_at(&file, path) {
                // Only informative: on a full disk the lock works without it.
                let _ = file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id()));
                return Ok(FileLock { path: path.to_path_buf(), _file: file });
            }
        }
        Err(OutputError::Busy { path: target.to_path_buf(), holder: None })
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Removed while it is still locked: a process that has opened it notices that it is gone, and opens a new one.
        let _ = fs::remove_file(&self.path);
    }
}

/// The process id in a lock file.
fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn is_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(opened), Ok(there)) => (opened.dev(), opened.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

fn unsupported(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported || error.raw_os_error() == Some(ENOLCK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_held_once_and_names_its_holder() {
        let folder = tempfile::tempdir().unwrap();
        let (path, target) = (folder.path().join("r.jsonl.lock"), folder.path().join("r.jsonl"));
        // The leftover file of a killed process blocks nobody.
        fs::write(&path, "999999\n").unwrap();
        let lock = FileLock::acquire(&path, &target).unwrap();
        let error = FileLock::acquire(&path, &target).map(|_| ()).unwrap_err();
        assert!(matches!(error, OutputError::Busy { .. }));
        let message = error.to_string();
        assert!(message.contains("r.jsonl: another") && message.contains(&std::process::id().to_string()), "{message}");
        drop(lock);
        assert!(!path.exists());
        FileLock::acquire(&path, &target).unwrap();
    }
}
