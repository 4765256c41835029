//! JSONL manifests: one record per line, read lazily.

mod id;
mod written;

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use super::record::{BadRecord, Record};
use crate::support::wording::in_plain_words;
use id::id_of;
use written::Written;

/// Maximum length of a line in bytes: 32 MiB, for inline data of 24 MiB. A longer line is an error, which bounds the
/// memory.
const LONGEST_LINE: u64 = 32 << 20;

/// The records of a manifest.
pub(super) struct Manifest {
    path: PathBuf,
    reader: BufReader<File>,
    line: u64,
    longest: u64,
    broken: bool,
}

/// A line that cannot be read: as much of it as was read, and the problem.
struct BadLine(Vec<u8>, String);

impl Manifest {
    pub fn open(path: &Path) -> io::Result<Self> {
        // Opening a pipe would block until it has a writer.
        if !path.metadata()?.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        Ok(Self::of(path, File::open(path)?))
    }

    /// The manifest on standard input, which may be a pipe. Relative paths start from the current folder.
    pub fn stdin() -> io::Result<Self> {
        // Not by the path /dev/stdin, which cannot be opened if it is a socket.
        Ok(Self::of(Path::new("-"), File::from(io::stdin().as_fd().try_clone_to_owned()?)))
    }

    fn of(path: &Path, file: File) -> Self {
        let reader = BufReader::new(file);
        Manifest { path: path.to_path_buf(), reader, line: 0, longest: LONGEST_LINE, broken: false }
    }

    /// The next line without its end; `None` at the end of the file.
    fn next_line(&mut self) -> Option<Result<Vec<u8>, BadLine>> {
        let mut line = Vec::new();
        let longest = self.longest;
        match self.reader.by_ref().take(longest).read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(count) if count as u64 == longest && line.last() != Some(&b'\n') => {
                let too_long = Err(format!("line is longer than {longest} bytes; use the path of a file"));
                Some(self.skip_rest_of_line().and(too_long).map_err(|problem| BadLine(line, problem)))
            }
            Ok(_) => Some(Ok(line)),
            Err(error) => {
                self.broken = true;
                Some(Err(BadLine(Vec::new(), format!("cannot read: {error}"))))
            }
        }
    }

    fn skip_rest_of_line(&mut self) -> Result<(), String> {
        loop {
            let buffer = self.reader.fill_buf().map_err(|error| format!("cannot read: {error}"))?;
            let end = buffer.iter().position(|&byte| byte == b'\n');
            let (used, done) = end.map_or((buffer.len(), buffer.is_empty()), |at| (at + 1, true));
            self.reader.consume(used);
            if done {
                return Ok(());
            }
        }
    }

    fn parse(&self, line: &[u8]) -> Result<Record, String> {
        let text = std::str::from_utf8(line).map_err(|_| "is not UTF-8".to_string())?;
        // Editors on Windows write a byte order mark.
        parse(text.strip_prefix('\u{feff}').unwrap_or(text), self.path.parent().unwrap_or(Path::new("")))
    }
}

/// Reads a line of a manifest whose relative paths start from the current folder. It may lack content, for the caller
/// to add. The name of a bad record is empty if the line has none.
#[cfg(feature = "python")]
pub(crate) fn read_line(line: &str) -> Result<Record, BadRecord> {
    let named = |problem| BadRecord { id: id_of(line.as_bytes()).unwrap_or_default(), problem };
    parse(line, Path::new("")).map_err(named)
}

fn parse(text: &str, folder: &Path) -> Result<Record, String> {
    if !text.trim_start().starts_with('{') {
        return Err("malformed record: a line must be an object such as {\"image\": \"a.png\"}".to_string());
    }
    let written: Written = serde_json::from_str(text).map_err(|error| {
        // serde_json calls every line "line 1".
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        format!("malformed record: {} at column {}", in_plain_words(message), error.column())
    })?;
    written.record(folder)
}

impl Iterator for Manifest {
    type Item = Result<Record, BadRecord>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.broken {
            let line = self.next_line()?;
            self.line += 1;
            let place = format!("{}:{}", self.path.display(), self.line);
            let bad = |id: String, problem: String| BadRecord { id, problem: format!("{place}: {problem}") };
            let parsed = match line {
                Ok(line) if line.trim_ascii().is_empty() => continue,
                Ok(line) => self.parse(line.trim_ascii_end()).map_err(|problem| BadLine(line, problem)),
                Err(bad) => Err(bad),
            };
            return Some(match parsed {
                Ok(record) => {
                    let id = record.id.clone().unwrap_or_else(|| place.clone());
                    match record.problem() {
                        Some(problem) => Err(bad(id, problem.to_string())),
                        None => Ok(record.with_id(id)),
                    }
                }
                Err(BadLine(line, problem)) => Err(bad(id_of(&line).unwrap_or_else(|| place.clone()), problem)),
            });
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Vec<Result<Record, BadRecord>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.jsonl");
        std::fs::write(&path, text).unwrap();
        Manifest::open(&path).unwrap().collect()
    }

    #[test]
    fn bad_lines_do_not_keep_good_ones_from_being_read() {
        let records = read(
            b"\xef\xbb\xbf{\"id\": \"a\", \"image\": \"a.png\"}\n{nonsense\n\n{\"id\": \"n\"}\n\xff\n{\"text\": \"t\"}",
        );
        assert_eq!(records.len(), 5);
        assert!(records[0].as_ref().unwrap().image.as_ref().unwrap().name().ends_with("a.png"));
        let problem = |at: usize| records[at].as_ref().unwrap_err().problem.clone();
        assert!(problem(1).contains("malformed record"), "{}", problem(1));
        assert!(problem(2).contains("none of image, audio and text"));
        assert!(problem(3).contains("UTF-8"));
        assert!(records[4].as_ref().unwrap().name().ends_with("m.jsonl:6"));
    }

    #[test]
    fn an_endless_line_is_an_error_that_keeps_its_id() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.jsonl");
        let text = format!("{{\"id\": 7, \"text\": \"{}\"}}\n{{\"text\": \"after\"}}\n", "x".repeat(200));
        std::fs::write(&path, text).unwrap();
        let manifest = Manifest { longest: 100, ..Manifest::open(&path).unwrap() };
        let records: Vec<_> = manifest.collect();
        let bad = records[0].as_ref().unwrap_err();
        assert!(bad.problem.contains("m.jsonl:1: line is longer than 100 bytes"), "{}", bad.problem);
        assert_eq!(bad.id, "7");
        assert_eq!(records[1].as_ref().unwrap().text.as_deref(), Some("after"));
    }
}
