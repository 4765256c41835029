//! A file of result lines that is whole or not there.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::result::RecordResult;
use crate::error::Error;

/// Results go to `FILE.partial`, which takes the place of `FILE` at the end. An interrupted run leaves the partial file,
/// and the next one goes on from it where that is asked for.
pub struct OutputFile {
    path: PathBuf,
    partial: PathBuf,
    writer: BufWriter<File>,
    done: BTreeSet<String>,
}

/// What is read back of a result line.
#[derive(Deserialize)]
struct Line {
    id: String,
    error: Option<serde::de::IgnoredAny>,
    transcript: Option<StepLine>,
    caption: Option<StepLine>,
    answer: Option<StepLine>,
    #[serde(rename = "match")]
    matched: Option<StepLine>,
    fusion: Option<StepLine>,
}

#[derive(Deserialize)]
struct StepLine {
    error: Option<serde::de::IgnoredAny>,
}

impl Line {
    fn failed(&self) -> bool {
        let steps = [&self.transcript, &self.caption, &self.answer, &self.matched, &self.fusion];
        self.error.is_some() || steps.iter().any(|step| step.as_ref().is_some_and(|step| step.error.is_some()))
    }
}

impl OutputFile {
    /// Starts the file; with `resume`, the lines of an earlier run that hold no error are kept, and
    /// [`OutputFile::has`] tells their records.
    ///
    /// # Errors
    /// [`Error::Write`], [`Error::Read`].
    pub fn create(path: &Path, resume: bool) -> Result<Self, Error> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let partial = path.with_file_name(format!("{name}.partial"));
        let write = |source| Error::Write { path: partial.clone(), source };
        if path.exists() && !path.is_file() {
            // A device or folder cannot be replaced by a finished file.
            let source = io::Error::other("not a regular file");
            return Err(Error::Write { path: path.to_path_buf(), source });
        }

        let left_over = fs::metadata(&partial).is_ok_and(|partial| partial.len() > 0);
        if left_over && !resume {
            let source = io::Error::other("an earlier run was interrupted and left it; use --resume, or delete it");
            return Err(write(source));
        }
        let mut done = BTreeSet::new();
        let mut kept = Vec::new();
        let earlier = if partial.exists() { partial.clone() } else { path.to_path_buf() };
        if resume && earlier.exists() {
            let file = File::open(&earlier).map_err(|source| Error::Read { path: earlier.clone(), source })?;
            for line in BufReader::new(file).split(b'\n') {
                let line = line.map_err(|source| Error::Read { path: earlier.clone(), source })?;
                // The last line of an interrupted run may be cut off.
                if let Ok(parsed) = serde_json::from_slice::<Line>(&line)
                    && !parsed.failed()
                    && done.insert(parsed.id)
                {
                    kept.push(line);
                }
            }
        }
        let fresh = path.with_file_name(format!("{name}.resumed"));
        let mut writer = BufWriter::new(File::create(&fresh).map_err(write)?);
        let mut begun = || -> io::Result<()> {
            for line in &kept {
                writer.write_all(line)?;
                writer.write_all(b"\n")?;
            }
            writer.flush()?;
            fs::rename(&fresh, &partial)
        };
        if let Err(source) = begun() {
            // What the earlier run left stays as it is.
            let _ = fs::remove_file(&fresh);
            return Err(write(source));
        }
        Ok(OutputFile { path: path.to_path_buf(), partial, writer, done })
    }

    /// Whether an earlier run already has a result for this record.
    pub fn has(&self, id: &str) -> bool {
        self.done.contains(id)
    }

    /// Results kept from an earlier run.
    pub fn kept(&self) -> usize {
        self.done.len()
    }

    /// Writes a line.
    ///
    /// # Errors
    /// [`Error::Write`], for a full disk say.
    pub fn write(&mut self, result: &RecordResult) -> Result<(), Error> {
        let outcome = serde_json::to_writer(&mut self.writer, result)
            .map_err(io::Error::from)
            .and_then(|()| self.writer.write_all(b"\n"))
            .and_then(|()| self.writer.flush());
        outcome.map_err(|source| Error::Write { path: self.partial.clone(), source })
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn finish(mut self) -> Result<(), Error> {
        let outcome = self
            .writer
            .flush()
            .and_then(|()| self.writer.get_ref().sync_all())
            .and_then(|()| fs::rename(&self.partial, &self.path));
        outcome.map_err(|source| Error::Write { path: self.path.clone(), source })
    }
}

/// A run that ended before its first result leaves nothing behind.
impl Drop for OutputFile {
    fn drop(&mut self) {
        if fs::metadata(&self.partial).is_ok_and(|partial| partial.len() == 0) {
            let _ = fs::remove_file(&self.partial);
        }
    }
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

    #[test]
    fn goes_on_where_an_interrupted_run_stopped() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.jsonl");
        let mut output = OutputFile::create(&path, false).unwrap();
        output.write(&result("a", None)).unwrap();
        output.write(&result("b", Some("broken"))).unwrap();
        drop(output);
        assert!(!path.exists(), "an interrupted run leaves no whole file");
        let partial = folder.path().join("out.jsonl.partial");
        let cut_off = [fs::read(&partial).unwrap().as_slice(), b"{\"id\": \"c"].concat();
        fs::write(&partial, cut_off).unwrap();

        let mut output = OutputFile::create(&path, true).unwrap();
        assert!(output.has("a") && !output.has("b") && !output.has("c"));
        output.write(&result("b", None)).unwrap();
        output.finish().unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(!partial.exists());
    }

    #[test]
    fn what_ends_before_its_first_result_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.jsonl");
        drop(OutputFile::create(&path, false).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn without_resume_starts_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.jsonl");
        fs::write(&path, "{\"id\": \"old\"}\n").unwrap();
        let output = OutputFile::create(&path, false).unwrap();
        assert!(!output.has("old"));
        output.finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
    }
}
