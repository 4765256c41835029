//! One file of a watched folder, while it is being processed.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::super::inputs::Inputs;
use super::super::result::RecordResult;
use super::super::version::FileVersion;
use crate::error::Error;
use crate::support::whole_file::WholeFile;

/// A file that ended the process this many times is not tried again.
pub(super) const MOST_ATTEMPTS: u32 = 3;

/// A file being processed. The attempt counts even if the process ends without a result.
pub struct Job {
    /// The file.
    pub path: PathBuf,
    digest: String,
    result: WholeFile,
    mark: PathBuf,
    attempts: u32,
}

#[derive(Serialize)]
struct Marked<'a> {
    #[serde(flatten)]
    result: &'a RecordResult,
    made_from: &'a str,
}

impl Job {
    pub(super) fn start(path: PathBuf, version: &FileVersion, result: &Path, mark: PathBuf) -> Result<Self, Error> {
        let digest = version.digest();
        let attempts = Mark::read(&mark).attempts_at(&digest).saturating_add(1);
        let whole = WholeFile::create(result)?;
        WholeFile::write(&mark, format!("{attempts} {digest}").as_bytes())?;
        Ok(Job { path, digest, result: whole, mark, attempts })
    }

    /// The records of the file; `None` if every earlier attempt ended the process.
    pub fn records(&self) -> Option<Inputs> {
        (self.attempts <= MOST_ATTEMPTS).then(|| Inputs::mixed(std::slice::from_ref(&self.path)))
    }

    /// Adds a line to the result, which [`Job::finish`] publishes.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn write(&mut self, result: &RecordResult) -> Result<(), Error> {
        let line = Marked { result, made_from: &self.digest };
        let written = serde_json::to_writer(&mut self.result, &line).map_err(io::Error::from);
        written.and_then(|()| self.result.write_all(b"\n")).map_err(|source| self.result.failed(source).into())
    }

    /// Moves the result to its final path.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn finish(mut self) -> Result<(), Error> {
        Ok(self.result.put_in_place()?)
    }

    /// Files that a process removes when it is terminated, so that the attempt does not count and nothing is left.
    pub fn leftovers(&self) -> [PathBuf; 2] {
        [self.mark.clone(), self.result.partial().to_path_buf()]
    }
}

impl Drop for Job {
    /// An attempt counts only if it ended the process: not if it produced a result, and not if the disk was full or a
    /// model could not be loaded, for which the file is not to blame.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_file(&self.mark);
        }
    }
}

/// What the file says that counts the attempts at a result.
pub(super) struct Mark {
    /// Number of attempts.
    pub attempts: u32,
    /// The version of the file that they were at; `None` in marks of older versions of the program.
    pub digest: Option<String>,
}

impl Mark {
    /// Reads a mark; one that is missing or damaged counts no attempts.
    pub fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap_or_default();
        let mut words = text.split_whitespace();
        let attempts = words.next().and_then(|count| count.parse().ok()).unwrap_or(0);
        Mark { attempts, digest: words.next().map(str::to_string) }
    }

    /// Number of attempts at the version with this digest.
    fn attempts_at(&self, digest: &str) -> u32 {
        if self.digest.as_deref().is_none_or(|of| of == digest) { self.attempts } else { 0 }
    }
}
