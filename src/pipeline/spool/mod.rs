//! A watched folder for pictures, sounds and manifests, and the folder of their results.
//!
//! A file is pending as long as it has no result, or one made from another version of it. There is no other state:
//! interrupted work is redone, and deleting a result causes it to be made again.

mod apart;
mod job;
mod names;

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::inputs::MediaKind;
use super::lines::next_line;
use super::version::FileVersion;
use crate::error::Error;
use crate::support::file_lock::FileLock;
use crate::support::output_error::OutputError;

pub use job::Job;
use job::Mark;

/// Number of scans that must find a file unchanged before it is processed.
const LOOKS: u32 = 3;

/// Maximum length of a result's first line for it to be read back.
const LONGEST_LINE: u64 = 64 << 20;

/// Lock file of the results folder; other names that start with a dot belong to single results.
const LOCK: &str = ".edgefuse.lock";

/// A watched folder and its results folder.
pub struct Spool {
    folder: PathBuf,
    results: PathBuf,
    /// Files without a current result, as last seen.
    waiting: BTreeMap<OsString, Waiting>,
    /// Files whose result is known to be current.
    done: HashMap<OsString, FileVersion>,
    /// By name of the mark, how often earlier processes ended at a file; such files are processed last.
    ended: HashMap<OsString, u32>,
    /// Files whose result cannot be written, for example because of its name; this version is not tried again.
    refused: HashMap<OsString, FileVersion>,
    _lock: FileLock,
}

/// A file without a current result.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Waiting {
    version: FileVersion,
    looks: u32,
}

/// A file that is ready to be processed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    name: OsString,
    version: FileVersion,
}

impl Spool {
    /// Watches `folder`; no other process may use `results` meanwhile.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::File`] for missing or unusable folders, [`Error::Output`] if one of the folders
    /// contains the other, [`Error::File`] if another process writes results there.
    pub fn new(folder: &Path, results: &Path) -> Result<Self, Error> {
        fs::read_dir(folder).map_err(|source| Error::Read { path: folder.to_path_buf(), source })?;
        let write = |source| Error::File(OutputError::Write { path: results.to_path_buf(), source });
        if !fs::metadata(results).map_err(write)?.is_dir() {
            return Err(write(io::Error::other("not a folder")));
        }
        apart::check(folder, results)?;
        let lock = FileLock::acquire(&results.join(LOCK), results)?;
        Ok(Spool {
            folder: folder.to_path_buf(),
            results: results.to_path_buf(),
            waiting: BTreeMap::new(),
            done: HashMap::new(),
            refused: HashMap::new(),
            ended: tidy(results).map_err(write)?,
            _lock: lock,
        })
    }

    /// Files without a current result that did not change during the last scans, by name; a file still being copied is
    /// left for a later scan. Ignores names that start with a dot and anything but regular files.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn ready(&mut self) -> Result<Vec<Ready>, Error> {
        let failed = |source| Error::Read { path: self.folder.clone(), source };
        let (mut waiting, mut done) = (BTreeMap::new(), HashMap::new());
        for entry in fs::read_dir(&self.folder).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let path = self.folder.join(&name);
            let hidden = name.as_encoded_bytes().starts_with(b".");
            if hidden || !(MediaKind::of(&path).is_some() || path.extension().is_some_and(|kind| kind == "jsonl")) {
                continue;
            }
            // A file that has disappeared needs no processing.
            let Some(metadata) = fs::metadata(&path).ok().filter(|metadata| metadata.is_file()) else { continue };
            let version = FileVersion::from(&metadata);
            match self.refused.get(&name) == Some(&version) || self.has_result(&name, &version) {
                true => {
                    done.insert(name, version);
                }
                false => {
                    let before = self.waiting.get(&name).filter(|before| before.version == version);
                    let looks = before.map_or(0, |before| before.looks).saturating_add(1);
                    waiting.insert(name, Waiting { version, looks });
                }
            }
        }
        (self.waiting, self.done) = (waiting, done);
        let settled = self.waiting.iter().filter(|(_, it)| it.looks >= LOOKS);
        let mut ready: Vec<_> =
            settled.map(|(name, it)| Ready { name: name.clone(), version: it.version.clone() }).collect();
        // Stable: files at which no process ended stay sorted by name.
        ready.sort_by_key(|ready| self.ended.get(&names::attempts(&names::result(&ready.name))).copied().unwrap_or(0));
        Ok(ready)
    }

    /// Whether there are files without a result.
    pub fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Starts a file and records the attempt. `None` if the file has changed or disappeared since the scan.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn take(&self, ready: &Ready) -> Result<Option<Job>, Error> {
        let path = self.folder.join(&ready.name);
        if FileVersion::of(&path).as_ref() != Some(&ready.version) {
            return Ok(None);
        }
        let result = names::result(&ready.name);
        let mark = self.results.join(names::attempts(&result));
        Job::start(path, &ready.version, &self.results.join(result), mark).map(Some)
    }

    /// Skips a file until it changes.
    pub fn refuse(&mut self, ready: &Ready) {
        self.refused.insert(ready.name.clone(), ready.version.clone());
    }

    /// Whether the file has a result of this version.
    fn has_result(&self, name: &OsStr, version: &FileVersion) -> bool {
        let result = self.results.join(names::result(name));
        let Ok(metadata) = fs::metadata(&result) else { return false };
        if self.done.get(name) == Some(version) {
            return true;
        }
        match made_from(&result) {
            Some(digest) => digest == version.digest(),
            // Written by an older version of the program, or empty: compare the times instead.
            None => {
                let written = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
                written >= version.modified()
            }
        }
    }
}

/// The version of the file that a result was made from, as its first line says.
fn made_from(result: &Path) -> Option<String> {
    #[derive(Deserialize)]
    struct Line {
        made_from: String,
    }
    let mut line = Vec::new();
    next_line(&mut BufReader::new(File::open(result).ok()?), LONGEST_LINE, &mut line).ok()?;
    serde_json::from_slice::<Line>(&line).ok().map(|line| line.made_from)
}

/// Removes what processes that ended left behind: incomplete results, and the marks of complete ones. Returns the other marks,
/// which are of the files at which they ended, with the number of attempts.
fn tidy(results: &Path) -> io::Result<HashMap<OsString, u32>> {
    let mut ended = HashMap::new();
    for entry in fs::read_dir(results)? {
        let entry = entry?;
        let name = entry.file_name();
        if names::is_partial(&name) {
            fs::remove_file(entry.path())?;
        } else if let Some(result) = names::marked(&name) {
            let Mark { attempts, digest } = Mark::read(&entry.path());
            if digest.is_some() && made_from(&results.join(result)) == digest {
                fs::remove_file(entry.path())?;
            } else {
                ended.insert(name, attempts);
            }
        }
    }
    Ok(ended)
}

#[cfg(test)]
mod tests {
    use super::super::result::RecordResult;
    use super::job::MOST_ATTEMPTS;
    use super::*;

    fn spool() -> (tempfile::TempDir, Spool) {
        let folder = tempfile::tempdir().unwrap();
        let (input, output) = (folder.path().join("in"), folder.path().join("out"));
        fs::create_dir(&input).unwrap();
        assert!(Spool::new(&input, &output).is_err(), "there is no folder for results");
        fs::create_dir(&output).unwrap();
        let spool = Spool::new(&input, &output).unwrap();
        (folder, spool)
    }

    fn names(ready: &[Ready]) -> Vec<&str> {
        ready.iter().map(|ready| ready.name.to_str().unwrap()).collect()
    }

    /// Scans until unchanged files are ready.
    fn settled(spool: &mut Spool) -> Vec<Ready> {
        (1..LOOKS).for_each(|_| assert!(spool.ready().unwrap().is_empty(), "not looked at often enough"));
        spool.ready().unwrap()
    }

    fn finish(spool: &Spool, ready: &Ready) {
        let mut job = spool.take(ready).unwrap().unwrap();
        job.write(&RecordResult { id: "x".into(), ..RecordResult::default() }).unwrap();
        job.finish().unwrap();
    }

    #[test]
    fn a_file_is_ready_when_it_stopped_changing_and_done_when_it_has_a_result() {
        let (folder, mut spool) = spool();
        let picture = folder.path().join("in/b.png");
        fs::write(&picture, "half").unwrap();
        fs::write(folder.path().join("in/.hidden.png"), "x").unwrap();
        fs::write(folder.path().join("in/notes.txt"), "x").unwrap();
        fs::create_dir(folder.path().join("in/folder.png")).unwrap();
        std::os::unix::fs::symlink("/nowhere", folder.path().join("in/dangling.png")).unwrap();
        assert!(spool.ready().unwrap().is_empty(), "just seen");
        fs::write(&picture, "the whole of it").unwrap();
        let ready = settled(&mut spool);
        assert_eq!(names(&ready), ["b.png"]);
        assert!(spool.is_waiting());
        finish(&spool, &ready[0]);
        assert!(spool.ready().unwrap().is_empty() && !spool.is_waiting(), "done");
        let mut left: Vec<_> =
            fs::read_dir(folder.path().join("out")).unwrap().map(|it| it.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [LOCK, "b.png.jsonl"]);
    }

    #[test]
    fn a_file_that_changed_since_its_result_is_done_again_also_by_another_process() {
        let (folder, mut spool) = spool();
        let picture = folder.path().join("in/b.png");
        fs::write(&picture, "half").unwrap();
        let ready = settled(&mut spool);
        let job = spool.take(&ready[0]).unwrap().unwrap();
        // Changed while it is being processed.
        fs::write(&picture, "the whole of it").unwrap();
        job.finish().unwrap();
        finish(&spool, &Ready { name: "b.png".into(), version: FileVersion::of(&picture).unwrap() });
        assert!(spool.ready().unwrap().is_empty() && !spool.is_waiting());
        assert!(spool.take(&ready[0]).unwrap().is_none(), "what changed is not taken");
        fs::write(&picture, "another").unwrap();
        drop(spool);
        let mut spool = Spool::new(&folder.path().join("in"), &folder.path().join("out")).unwrap();
        let ready = settled(&mut spool);
        assert_eq!(names(&ready), ["b.png"]);
        finish(&spool, &ready[0]);
        drop(spool);
        // As if the process had been killed after it put the result in place.
        let mark = folder.path().join("out/.b.png.jsonl.attempts");
        fs::write(&mark, format!("1 {}", ready[0].version.digest())).unwrap();
        let mut spool = Spool::new(&folder.path().join("in"), &folder.path().join("out")).unwrap();
        assert!(spool.ready().unwrap().is_empty() && !spool.is_waiting());
        assert!(!mark.exists(), "the mark of a finished result is left");
    }

    #[test]
    fn results_without_a_version_hold_while_they_are_newer() {
        let (folder, mut spool) = spool();
        let (picture, result) = (folder.path().join("in/b.png"), folder.path().join("out/b.png.jsonl"));
        fs::write(&picture, "x").unwrap();
        fs::write(&result, "{}\n").unwrap();
        spool.ready().unwrap();
        assert!(!spool.is_waiting());
        let later = std::time::SystemTime::now() + std::time::Duration::from_secs(9);
        File::options().append(true).open(&picture).unwrap().set_modified(later).unwrap();
        spool.ready().unwrap();
        assert!(spool.is_waiting());
    }

    #[test]
    fn a_file_that_ends_the_process_comes_last_and_is_given_up() {
        let (folder, mut spool) = spool();
        let sound = folder.path().join("in/a.wav");
        fs::write(&sound, "x").unwrap();
        fs::write(folder.path().join("in/b.wav"), "x").unwrap();
        let ready = settled(&mut spool);
        assert_eq!(names(&ready), ["a.wav", "b.wav"]);
        for _ in 0..MOST_ATTEMPTS {
            let job = spool.take(&ready[0]).unwrap().unwrap();
            assert!(job.records().is_some());
            std::mem::forget(job); // as when the process ends
        }
        drop(spool);
        let mut spool = Spool::new(&folder.path().join("in"), &folder.path().join("out")).unwrap();
        assert!(!folder.path().join("out/a.wav.jsonl.partial").exists());
        let ready = settled(&mut spool);
        assert_eq!(names(&ready), ["b.wav", "a.wav"]);
        assert!(spool.take(&ready[1]).unwrap().unwrap().records().is_none());
        let job = spool.take(&ready[1]).unwrap().unwrap();
        assert!(job.records().is_some(), "an attempt that ends by itself does not count");
        std::mem::forget(job);
        // Another version starts from zero.
        fs::write(&sound, "another").unwrap();
        let changed = Ready { name: "a.wav".into(), version: FileVersion::of(&sound).unwrap() };
        assert_eq!(spool.take(&changed).unwrap().unwrap().records().map(|_| ()), Some(()));
    }

    #[test]
    fn one_process_at_a_time() {
        let (folder, spool) = spool();
        let second = Spool::new(&folder.path().join("in"), &folder.path().join("out")).map(|_| ());
        assert!(matches!(second, Err(Error::File(OutputError::Busy { .. }))));
        drop(spool);
        assert_eq!(fs::read_dir(folder.path().join("out")).unwrap().count(), 0);
    }
}
