//! Inputs as files, for readers that take a path.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

/// A folder that is removed when its thread ends.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

static FOLDERS: AtomicU32 = AtomicU32::new(0);

thread_local! {
    static SCRATCH: Scratch = {
        let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("edgefuse-fuzz-{}-{number}", process::id()));
        fs::create_dir_all(&folder).expect("a temporary folder");
        Scratch(folder)
    };
}

/// Calls `read` with the path of a file that holds `bytes`.
pub(super) fn with_file<T>(name: &str, bytes: &[u8], read: impl FnOnce(&Path) -> T) -> T {
    SCRATCH.with(|scratch| {
        let path = scratch.0.join(name);
        fs::write(&path, bytes).expect("a file in the temporary folder");
        read(&path)
    })
}

/// Calls `read` with the path of a folder that may hold what an earlier call left there.
pub(super) fn with_folder<T>(name: &str, read: impl FnOnce(&Path) -> T) -> T {
    SCRATCH.with(|scratch| read(&scratch.0.join(name)))
}
