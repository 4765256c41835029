//! A file of whole lines: a line is in it, or it is not.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// Bytes that are read at once in search of the last line break.
const CHUNK: u64 = 64 << 10;

/// A file that lines are appended to.
pub struct Lines {
    path: PathBuf,
    open: Option<Open>,
}

struct Open {
    file: File,
    /// The length of its whole lines.
    length: u64,
    /// When its first line was written.
    begun: Instant,
    /// There are bytes of a line behind the whole ones.
    torn: bool,
}

impl Lines {
    /// A file that is not open yet.
    pub fn new(path: PathBuf) -> Self {
        Lines { path, open: None }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens or creates the file, and removes an unfinished last line; returns the number of its bytes.
    pub fn open(&mut self) -> io::Result<u64> {
        let file = OpenOptions::new().read(true).append(true).create(true).open(&self.path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::other("not a regular file"));
        }
        let length = whole_lines(&file, metadata.len())?;
        let torn = metadata.len() - length;
        if torn > 0 {
            file.set_len(length)?;
        }
        let now = SystemTime::now();
        let age = match length {
            0 => Duration::ZERO,
            _ => metadata.created().ok().and_then(|created| now.duration_since(created).ok()).unwrap_or_default(),
        };
        let begun = Instant::now().checked_sub(age).unwrap_or_else(Instant::now);
        self.open = Some(Open { file, length, begun, torn: false });
        Ok(torn)
    }

    /// Closes the file; the next line opens it again.
    pub fn close(&mut self) {
        self.open = None;
    }

    /// Bytes of its lines.
    pub fn length(&self) -> u64 {
        self.open.as_ref().map_or(0, |open| open.length)
    }

    /// Time since its first line.
    pub fn age(&self) -> Duration {
        self.open.as_ref().filter(|open| open.length > 0).map_or(Duration::ZERO, |open| open.begun.elapsed())
    }

    /// Appends a line that ends with a line break: all of it, or nothing. Opens the file if it is another one by now; returns
    /// the bytes of an unfinished line that were removed from it.
    pub fn append(&mut self, line: &[u8]) -> io::Result<u64> {
        let removed = if self.is_there() { 0 } else { self.open()? };
        let Some(open) = &mut self.open else { return Err(io::Error::other("not open")) };
        if open.torn {
            open.file.set_len(open.length)?;
            open.torn = false;
        }
        if let Err(error) = open.file.write_all(line) {
            open.torn = open.file.set_len(open.length).is_err();
            return Err(error);
        }
        if open.length == 0 {
            open.begun = Instant::now();
        }
        open.length += line.len() as u64;
        Ok(removed)
    }

    /// Forces the lines onto the disk.
    pub fn sync(&self) -> io::Result<()> {
        self.open.as_ref().map_or(Ok(()), |open| open.file.sync_data())
    }

    /// Whether the open file is the one at its path: somebody may have moved or deleted it.
    fn is_there(&self) -> bool {
        let Some(open) = &self.open else { return false };
        match (open.file.metadata(), fs::metadata(&self.path)) {
            (Ok(ours), Ok(there)) => (ours.dev(), ours.ino()) == (there.dev(), there.ino()),
            _ => false,
        }
    }
}

/// Bytes up to the last line break.
fn whole_lines(file: &File, length: u64) -> io::Result<u64> {
    let mut end = length;
    let mut chunk = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(CHUNK);
        chunk.resize((end - start) as usize, 0);
        file.read_exact_at(&mut chunk, start)?;
        if let Some(at) = chunk.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_failed_write_left_is_removed_before_the_next_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        let mut lines = Lines::new(path.clone());
        lines.append(b"whole\n").unwrap();
        let open = lines.open.as_mut().unwrap();
        // As if the disk had become full within a line, and then could not even be truncated.
        open.file.write_all(b"ha").unwrap();
        open.torn = true;
        lines.append(b"next\n").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole\nnext\n");
        assert_eq!(lines.length(), 11);
    }

    #[test]
    fn a_failed_write_is_an_error_and_leaves_the_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        fs::write(&path, b"whole\n").unwrap();
        let mut lines = Lines::new(path.clone());
        lines.open().unwrap();
        // A file that cannot be written to.
        lines.open.as_mut().unwrap().file = File::open(&path).unwrap();
        assert!(lines.append(b"next\n").is_err() && lines.length() == 6);
        lines.close();
        lines.append(b"next\n").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole\nnext\n");
    }
}
