//! How far the manifests of sources were processed. It outlives reloads, so that each line is processed once.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::SystemTime;

use edgefuse::Record;
use edgefuse::pipeline::{BadRecord, Inputs};

/// A record of a manifest.
type Item = Result<Record, BadRecord>;

/// A value that the readers before and after a reload share.
type Shared<T> = Arc<Mutex<T>>;

/// The manifests of all sources.
#[derive(Default)]
pub struct Manifests {
    /// By source and path.
    files: Mutex<HashMap<(String, PathBuf), Shared<Progress>>>,
    stdin: OnceLock<Shared<Receiver<Item>>>,
}

impl Manifests {
    /// Progress of a source with a manifest. It is locked while the manifest is read: after a reload, the previous reader may
    /// still be at its last record.
    pub fn progress(&self, source: &str, path: &Path) -> Shared<Progress> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.entry((source.to_string(), path.to_path_buf())).or_default().clone()
    }

    /// The records on standard input, which only one thread ever reads.
    pub fn stdin(&self) -> Shared<Receiver<Item>> {
        let start = || {
            let (sender, receiver) = sync_channel(0);
            thread::spawn(move || Inputs::stdin().try_for_each(|record| sender.send(record).ok()));
            Arc::new(Mutex::new(receiver))
        };
        self.stdin.get_or_init(start).clone()
    }
}

/// How far a manifest was processed.
#[derive(Debug, Default)]
pub struct Progress {
    /// The file that was read; `None` if there was none.
    version: Option<Version>,
    done: usize,
    finished: bool,
}

/// What distinguishes a file from a later one at its path.
#[derive(Debug, PartialEq)]
struct Version {
    length: u64,
    modified: Option<SystemTime>,
}

impl Progress {
    /// Number of the manifest's records that were processed already; `None` if all were. A file that has changed is a new one.
    pub fn start(&mut self, path: &Path) -> Option<usize> {
        let version = fs::metadata(path).ok();
        let version = version.map(|file| Version { length: file.len(), modified: file.modified().ok() });
        if version.is_none() || version != self.version {
            *self = Progress { version, ..Progress::default() };
        }
        (!self.finished).then_some(self.done)
    }

    /// Another record was processed.
    pub fn processed(&mut self) {
        self.done += 1;
    }

    /// There are no more records.
    pub fn finish(&mut self) {
        self.finished = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_goes_on_where_it_was_left_unless_it_has_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        let manifests = Manifests::default();
        let progress = manifests.progress("list", &path);
        let mut progress = progress.lock().unwrap();
        assert_eq!(progress.start(&path), Some(0));
        progress.finish();
        assert_eq!(progress.start(&path), Some(0), "a file that was not there is not finished");
        fs::write(&path, "a\nb\n").unwrap();
        assert_eq!(progress.start(&path), Some(0));
        progress.processed();
        assert_eq!(progress.start(&path), Some(1));
        progress.finish();
        assert_eq!(progress.start(&path), None);
        fs::write(&path, "a\nb\nc\n").unwrap();
        assert_eq!(progress.start(&path), Some(0));
        let other = manifests.progress("other", &path);
        assert_eq!(other.lock().unwrap().start(&path), Some(0));
    }
}
