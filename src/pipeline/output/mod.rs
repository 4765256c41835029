//! A file of result lines, written atomically.

mod kept;

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::record::Record;
use super::result::RecordResult;
use super::settings::difference;
use super::version::digest_of;
use crate::error::Error;
use crate::support::file_lock::FileLock;
use crate::support::output_error::OutputError;
use crate::support::whole_file::PARTIAL;
use kept::{Found, IdHash, Kept, hash_of};

/// Results go to `FILE.partial`, which replaces `FILE` at the end. An interrupted run leaves the partial file, and the
/// next one continues it on request. `FILE.lock` keeps other processes away.
///
/// Every line records its origin: `made_with`, the steps and models ([`settings`](super::settings())), and `made_from`,
/// a digest of the record and its files. A resumed run keeps an earlier result only if both are the same. Memory grows
/// by 32 bytes for each line that is kept and some 20 to 40 for each other record.
pub struct OutputFile {
    path: PathBuf,
    partial: PathBuf,
    writer: BufWriter<File>,
    made_with: String,
    kept: Kept,
    /// The records of this run that are new.
    names: HashSet<IdHash>,
    warned: HashSet<&'static str>,
    _lock: FileLock,
}

/// What to do with a record.
#[derive(Debug, PartialEq, Eq)]
pub enum Admission {
    /// Process it; the mark belongs to its line.
    Work(Mark),
    /// Skip it: an earlier run has its result.
    Done,
    /// Reject it: another record of this run has its id.
    Repeated,
}

/// Origin of a result, stored in its line: a digest of the record and its files.
#[derive(Debug, PartialEq, Eq)]
pub struct Mark(String);

impl Mark {
    /// The mark of a record, with the current versions of its files.
    pub fn of(record: &Record) -> Self {
        Mark(digest_of(record))
    }
}

#[derive(Serialize)]
struct Marked<'a> {
    #[serde(flatten)]
    result: &'a RecordResult,
    #[serde(skip_serializing_if = "Option::is_none")]
    made_with: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    made_from: Option<&'a str>,
}

/// Writes the line of a record: its result, the [`settings`](super::settings()) it was `made_with`, and its mark. A
/// record that could not be read has no mark.
///
/// # Errors
/// Those of `to`.
pub fn write_line(mut to: impl Write, result: &RecordResult, made_with: &str, mark: Option<&Mark>) -> io::Result<()> {
    let made_from = mark.map(|mark| mark.0.as_str());
    let line = Marked { result, made_with: made_from.map(|_| made_with), made_from };
    serde_json::to_writer(&mut to, &line)?;
    to.write_all(b"\n")
}

impl OutputFile {
    /// Starts the file. With `resume`, the lines of an earlier run without an error are kept; `made_with` are the
    /// [`settings`](super::settings()) of this one.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be written or another process is writing it; [`Error::Read`].
    pub fn create(path: &Path, resume: bool, made_with: String) -> Result<Self, Error> {
        let partial = beside(path, PARTIAL);
        let write = |source| Error::File(OutputError::Write { path: partial.clone(), source });
        if path.exists() && !path.is_file() {
            // A device or folder cannot be replaced by a finished file.
            let source = io::Error::other("not a regular file");
            return Err(Error::File(OutputError::Write { path: path.to_path_buf(), source }));
        }
        let lock = FileLock::acquire(&beside(path, ".lock"), path)?;

        let left_over = fs::metadata(&partial).is_ok_and(|partial| partial.len() > 0);
        if left_over && !resume {
            let source = io::Error::other("left by an interrupted run; use --resume, or delete it");
            return Err(write(source));
        }
        let earlier = if left_over { partial.clone() } else { path.to_path_buf() };
        let resumed = resume && earlier.exists();
        let read = |source| Error::Read { path: earlier.clone(), source };
        let mut kept = if resumed { Kept::read(&earlier).map_err(read)? } else { Kept::default() };
        if kept.foreign > 0 {
            let problem = format!(
                "lines that are not results would be lost ({}); choose another file, or run without --resume to replace it",
                kept.foreign
            );
            return Err(Error::File(OutputError::Write { path: earlier, source: io::Error::other(problem) }));
        }
        let fresh = beside(path, ".resumed");
        let mut writer = BufWriter::new(File::create(&fresh).map_err(write)?);
        let mut begun = || -> io::Result<()> {
            if resumed {
                kept.copy(&earlier, &mut writer)?;
            }
            writer.flush()?;
            // The lines of the earlier run must have reached the disk before they replace it.
            writer.get_ref().sync_all()?;
            fs::rename(&fresh, &partial)
        };
        if let Err(source) = begun() {
            // What the earlier run left stays as it is.
            let _ = fs::remove_file(&fresh);
            return Err(write(source));
        }
        let (names, warned) = Default::default();
        Ok(OutputFile { path: path.to_path_buf(), partial, writer, made_with, kept, names, warned, _lock: lock })
    }

    /// Whether a record is still to be done; asked once for each record.
    pub fn admit(&mut self, record: &Record) -> Admission {
        let (id, made_from) = (hash_of(&record.name()), digest_of(record));
        let (key, warning) = match self.kept.find(&id, &made_from, &self.made_with) {
            Found::Nothing if self.names.insert(id) => return Admission::Work(Mark(made_from)),
            Found::Nothing | Found::Twice => return Admission::Repeated,
            Found::Current => return Admission::Done,
            Found::Unmarked => (
                "unmarked",
                "has results without `made_with`: they are kept, even if something has changed".to_string(),
            ),
            Found::Outdated { settings: Some(settings) } => {
                let difference = difference(settings, &self.made_with);
                ("settings", format!("has results made with other settings ({difference}): they are made again"))
            }
            Found::Outdated { settings: None } => {
                ("input", "has results of inputs that have changed since: they are made again".to_string())
            }
        };
        if self.warned.insert(key) {
            log::warn!("{}: {warning}", self.path.display());
        }
        match key {
            "unmarked" => Admission::Done,
            _ => Admission::Work(Mark(made_from)),
        }
    }

    /// Results kept from an earlier run.
    pub fn kept(&self) -> usize {
        self.kept.len()
    }

    /// Writes the line of a record; a record that could not be read has no mark.
    ///
    /// # Errors
    /// [`Error::File`], for example if the disk is full.
    pub fn write(&mut self, result: &RecordResult, mark: Option<&Mark>) -> Result<(), Error> {
        let outcome = write_line(&mut self.writer, result, &self.made_with, mark).and_then(|()| self.writer.flush());
        outcome.map_err(|source| Error::File(OutputError::Write { path: self.partial.clone(), source }))
    }

    /// Moves the file to its final path.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn finish(mut self) -> Result<(), Error> {
        self.finished().map_err(|source| Error::File(OutputError::Write { path: self.path.clone(), source }))
    }

    fn finished(&mut self) -> io::Result<()> {
        self.writer.flush()?;
        if self.kept.superseded() == 0 {
            self.writer.get_ref().sync_all()?;
            return fs::rename(&self.partial, &self.path);
        }
        let whole = beside(&self.path, ".resumed");
        let mut writer = BufWriter::new(File::create(&whole)?);
        self.kept.copy_without_superseded(&self.partial, &mut writer)?;
        writer.flush()?;
        writer.get_ref().sync_all()?;
        fs::rename(&whole, &self.path)?;
        fs::remove_file(&self.partial)
    }
}

/// A run that ended before its first result leaves no file.
impl Drop for OutputFile {
    fn drop(&mut self) {
        if fs::metadata(&self.partial).is_ok_and(|partial| partial.len() == 0) {
            let _ = fs::remove_file(&self.partial);
        }
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.file_name().map(OsString::from).unwrap_or_default();
    name.push(suffix);
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result(id: &str, error: Option<&str>) -> RecordResult {
        match error {
            Some(error) => RecordResult::failed(id.to_string(), error.to_string()),
            None => RecordResult { id: id.to_string(), ..RecordResult::default() },
        }
    }

    fn record(id: &str, text: &str) -> Record {
        Record::default().with_id(id).with_text(text)
    }

    /// Runs over `(id, text, error)`, completely or not; returns the records that it processed.
    fn run(path: &Path, settings: &str, records: &[(&str, &str, Option<&str>)], finish: bool) -> Vec<String> {
        let mut output = OutputFile::create(path, true, settings.into()).unwrap();
        let mut done = Vec::new();
        for (id, text, error) in records {
            if let Admission::Work(mark) = output.admit(&record(id, text)) {
                output.write(&result(id, *error), Some(&mark)).unwrap();
                done.push(id.to_string());
            }
        }
        if finish {
            output.finish().unwrap();
        }
        done
    }

    fn ids(path: &Path) -> Vec<String> {
        let text = fs::read_to_string(path).unwrap();
        let id = |line| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].as_str().unwrap().to_string();
        text.lines().map(id).collect()
    }

    #[test]
    fn goes_on_where_an_interrupted_run_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.jsonl");
        run(&path, "s-1", &[("a", "t", None), ("b", "t", Some("broken"))], false);
        assert!(!path.exists(), "an interrupted run leaves no whole file");
        let partial = folder.path().join("out.jsonl.partial");
        let cut_off = [fs::read(&partial).unwrap().as_slice(), b"{\"id\": \"c"].concat();
        fs::write(&partial, cut_off).unwrap();

        assert_eq!(run(&path, "s-1", &[("a", "t", None), ("b", "t", None), ("c", "t", None)], true), ["b", "c"]);
        assert_eq!(ids(&path), ["a", "b", "c"]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "neither a partial file nor a lock is left");
    }

    #[test]
    fn other_settings_and_changed_inputs_are_done_again_and_nothing_is_lost_on_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.jsonl");
        let records = [("a", "t", None), ("b", "t", None), ("c", "t", None)];
        assert_eq!(run(&path, "s-1", &records, true), ["a", "b", "c"]);
        assert_eq!(run(&path, "s-1", &records, true), [""; 0]);
        let changed = [("a", "t", None), ("b", "u", None), ("c", "t", None)];
        // Interrupted right after the new result of b: both exist, and the newer one counts.
        assert_eq!(run(&path, "s-1", &changed, false), ["b"]);
        assert_eq!(ids(&folder.path().join("out.jsonl.partial")), ["a", "b", "c", "b"]);
        assert_eq!(run(&path, "s-1", &changed, true), [""; 0]);
        assert_eq!(ids(&path), ["a", "c", "b"]);
        assert_eq!(run(&path, "s-2", &changed, true), ["a", "b", "c"]);
        assert_eq!(ids(&path), ["a", "b", "c"]);
        // An outdated result does not reappear because its successor failed.
        let failed = [("a", "t", None), ("b", "v", Some("broken")), ("c", "t", None)];
        run(&path, "s-2", &failed, false);
        assert_eq!(run(&path, "s-2", &changed, true), ["b"]);
    }

    #[test]
    fn results_that_do_not_say_what_made_them_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.jsonl");
        fs::write(&path, "{\"id\": \"a\"}\n").unwrap();
        assert_eq!(run(&path, "s-1", &[("a", "t", None), ("b", "t", None)], true), ["b"]);
        assert_eq!(ids(&path), ["a", "b"]);
    }

    #[test]
    fn an_id_that_comes_again_is_repeated_whether_its_result_was_kept_or_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.jsonl");
        run(&path, "s-1", &[("a", "t", None)], false);
        let mut output = OutputFile::create(&path, true, "s-1".into()).unwrap();
        assert_eq!(output.admit(&record("a", "t")), Admission::Done);
        assert_eq!(output.admit(&record("a", "t")), Admission::Repeated);
        assert!(matches!(output.admit(&record("b", "t")), Admission::Work(_)));
        assert_eq!(output.admit(&record("b", "t")), Admission::Repeated);
    }

    #[test]
    fn one_process_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.jsonl");
        let first = OutputFile::create(&path, false, String::new()).unwrap();
        for resume in [false, true] {
            let second = OutputFile::create(&path, resume, String::new()).map(|_| ());
            assert!(matches!(second, Err(Error::File(OutputError::Busy { .. }))));
        }
        drop(first);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "what ends before its first result leaves nothing");
        OutputFile::create(&path, true, String::new()).unwrap();
    }

    #[test]
    fn without_resume_starts_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.jsonl");
        fs::write(&path, "{\"id\": \"old\"}\n").unwrap();
        OutputFile::create(&path, false, String::new()).unwrap().finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
    }
}
