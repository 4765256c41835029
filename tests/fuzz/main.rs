//! Replays the fuzzer's inputs: its seeds (`corpus/TARGET/`) and its past findings (`found/TARGET/`).
//!
//! See docs/development.md.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod bundle;
mod cli;
mod targets;

use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;
use std::{fs, thread};

use targets::{ALL, Target};

/// No input needs a hundredth of this; one that exceeds it does not terminate.
const LONGEST: Duration = Duration::from_secs(120);

fn folder(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz").join(kind)
}

/// The sorted paths in a folder; none if it does not exist.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}

/// Runs the inputs of a folder, and returns how many were read without an error. An input that hangs aborts the test.
fn replay(target: &'static Target, folder: &Path) -> Result<usize, String> {
    let mut accepted = 0;
    for path in entries(folder) {
        let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let (done, result) = mpsc::channel();
        thread::spawn(move || done.send(catch_unwind(|| (target.run)(&bytes)).ok()));
        match result.recv_timeout(LONGEST) {
            Ok(Some(read)) => accepted += usize::from(read),
            Ok(None) => return Err(format!("{}: panics, see above", path.display())),
            Err(_) => return Err(format!("{}: has not ended after {LONGEST:?}", path.display())),
        }
    }
    Ok(accepted)
}

#[test]
fn every_input_is_read_or_refused() {
    let mut problems = Vec::new();
    for target in ALL {
        match replay(target, &folder("corpus").join(target.name)) {
            // A target that rejects all its seeds tests nothing.
            Ok(0) => problems.push(format!("corpus/{}: no input that is read without an error", target.name)),
            Ok(_) => {}
            Err(problem) => problems.push(problem),
        }
        problems.extend(replay(target, &folder("found").join(target.name)).err());
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

#[test]
fn every_folder_belongs_to_a_target() {
    assert!(ALL.is_sorted_by(|a, b| a.name < b.name), "targets are sorted, and each is there once");
    for folder in ["corpus", "found"].iter().flat_map(|kind| entries(&folder(kind))) {
        let known = ALL.iter().any(|target| folder.ends_with(target.name));
        assert!(known, "{} belongs to no target", folder.display());
        for path in entries(&folder) {
            let size = path.metadata().expect("a file").len();
            assert!(size <= 64 << 10, "{} has {size} bytes: minimise it", path.display());
        }
    }
}
