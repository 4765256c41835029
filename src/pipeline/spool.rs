//! A folder that others put pictures, sounds and manifests into, and the results that they find beside it.
//!
//! A file without a result is work. There is no other state: what is interrupted is done again, and who deletes a result
//! has it made anew.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::inputs::{Inputs, MediaKind};
use crate::error::Error;
use crate::whole_file::WholeFile;

/// A file that ended the process so often is not tried again.
const MOST_ATTEMPTS: u32 = 3;

/// A folder that is watched, and the folder of its results.
pub struct Spool {
    folder: PathBuf,
    results: PathBuf,
    /// Size and time of files without a result, as they were seen last.
    seen: BTreeMap<PathBuf, (u64, Option<SystemTime>)>,
}

/// A file to work on. It has been tried once more, even if its result never comes.
pub struct Job {
    /// The file.
    pub path: PathBuf,
    result: PathBuf,
    mark: PathBuf,
    attempts: u32,
}

impl Spool {
    /// Watches `folder`.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Write`] for folders that are not there or cannot be used.
    pub fn new(folder: &Path, results: &Path) -> Result<Self, Error> {
        fs::read_dir(folder).map_err(|source| Error::Read { path: folder.to_path_buf(), source })?;
        let metadata = fs::metadata(results).and_then(|found| match found.is_dir() {
            true => Ok(()),
            false => Err(std::io::Error::other("not a folder")),
        });
        metadata.map_err(|source| Error::Write { path: results.to_path_buf(), source })?;
        Ok(Spool { folder: folder.to_path_buf(), results: results.to_path_buf(), seen: BTreeMap::new() })
    }

    /// The files that have no result and have not changed since the last call, by name: what is still being copied is left
    /// for the next one. Names that start with a dot, and folders, are not looked at.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn ready(&mut self) -> Result<Vec<PathBuf>, Error> {
        let failed = |source| Error::Read { path: self.folder.clone(), source };
        let mut now = BTreeMap::new();
        for entry in fs::read_dir(&self.folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = entry.path();
            let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            let known = MediaKind::of(&path).is_some() || path.extension().is_some_and(|kind| kind == "jsonl");
            // What vanished meanwhile is no work.
            let Ok(metadata) = fs::metadata(&path) else { continue };
            if !hidden && known && metadata.is_file() && !self.result(&path).exists() {
                now.insert(path, (metadata.len(), metadata.modified().ok()));
            }
        }
        let settled = |(path, state): &(&PathBuf, &_)| self.seen.get(*path) == Some(*state);
        let ready = now.iter().filter(settled).map(|(path, _)| path.clone()).collect();
        self.seen = now;
        Ok(ready)
    }

    /// Takes up a file: notes that it is tried.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn take(&self, path: &Path) -> Result<Job, Error> {
        let result = self.result(path);
        let mark = result.with_file_name(format!(".{}.attempts", file_name(&result)));
        let earlier: u32 = fs::read_to_string(&mark).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        let attempts = earlier.saturating_add(1);
        WholeFile::write(&mark, attempts.to_string().as_bytes())?;
        Ok(Job { path: path.to_path_buf(), result, mark, attempts })
    }

    fn result(&self, path: &Path) -> PathBuf {
        self.results.join(format!("{}.jsonl", file_name(path)))
    }
}

impl Job {
    /// The records of the file; `None` where earlier attempts ended the process each time.
    pub fn records(&self) -> Option<Inputs> {
        (self.attempts <= MOST_ATTEMPTS).then(|| Inputs::mixed(std::slice::from_ref(&self.path)))
    }

    /// Writes the result: `lines` of JSON.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn finish(self, lines: &[u8]) -> Result<(), Error> {
        WholeFile::write(&self.result, lines)?;
        // Left behind it would only count an attempt too many.
        let _ = fs::remove_file(&self.mark);
        Ok(())
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn a_file_is_ready_when_it_stopped_changing_and_done_when_it_has_a_result() {
        let (folder, mut spool) = spool();
        let picture = folder.path().join("in/b.png");
        fs::write(&picture, "half").unwrap();
        fs::write(folder.path().join("in/.hidden.png"), "x").unwrap();
        fs::write(folder.path().join("in/notes.txt"), "x").unwrap();
        assert!(spool.ready().unwrap().is_empty(), "just seen");
        fs::write(&picture, "the whole of it").unwrap();
        assert!(spool.ready().unwrap().is_empty(), "changed");
        assert_eq!(spool.ready().unwrap(), [picture.clone()]);
        spool.take(&picture).unwrap().finish(b"{}\n").unwrap();
        assert!(spool.ready().unwrap().is_empty(), "done");
        let left: Vec<_> = fs::read_dir(folder.path().join("out")).unwrap().map(|it| it.unwrap().file_name()).collect();
        assert_eq!(left, ["b.png.jsonl"]);
    }

    #[test]
    fn a_file_that_ends_the_process_is_given_up() {
        let (folder, spool) = spool();
        let sound = folder.path().join("in/a.wav");
        fs::write(&sound, "x").unwrap();
        for _ in 0..MOST_ATTEMPTS {
            assert!(spool.take(&sound).unwrap().records().is_some());
        }
        assert!(spool.take(&sound).unwrap().records().is_none());
    }
}
