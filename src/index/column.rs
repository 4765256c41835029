//! Append-only files: written at the end, read through a memory map.

use std::collections::BTreeMap;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use memmap2::{Advice, Mmap};

use super::error::IndexError;
use crate::support::output_error::OutputError;

/// Writes to the end of a column. What is beyond the committed length, left by a process that was killed, is overwritten.
pub(super) struct Column {
    path: PathBuf,
    file: File,
    /// Committed bytes and those appended since.
    length: u64,
    waiting: Vec<u8>,
}

/// Bytes that are written at once.
const BLOCK: usize = 1 << 20;

impl Column {
    /// Opens the column to append after its first `committed` bytes; creates the file if there are none.
    pub fn append(path: PathBuf, committed: u64) -> Result<Self, IndexError> {
        check(&path, committed)?;
        let failed = |source| OutputError::Write { path: path.clone(), source };
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
        Ok(Column { path, file, length: committed, waiting: Vec::new() })
    }

    pub fn push(&mut self, bytes: &[u8]) -> Result<(), IndexError> {
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() >= BLOCK { self.flush() } else { Ok(()) }
    }

    /// Writes everything to disk. It is safe once this returns.
    pub fn sync(&mut self) -> Result<(), IndexError> {
        self.flush()?;
        let synced = self.file.sync_data();
        synced.map_err(|source| OutputError::Write { path: self.path.clone(), source }.into())
    }

    fn flush(&mut self) -> Result<(), IndexError> {
        let written = self.file.write_all_at(&self.waiting, self.length);
        written.map_err(|source| OutputError::Write { path: self.path.clone(), source })?;
        self.length += self.waiting.len() as u64;
        self.waiting.clear();
        Ok(())
    }
}

/// The committed bytes of a column.
pub(super) struct Mapped {
    map: Option<Arc<Mmap>>,
    length: usize,
}

/// Maps of columns, kept from one opening of an index to the next: mapping a large file and touching all of its pages takes as
/// long as a search.
#[derive(Default)]
pub(super) struct Maps(Mutex<BTreeMap<PathBuf, Kept>>);

struct Kept {
    /// Device and number of the file.
    file: (u64, u64),
    map: Arc<Mmap>,
}

impl Maps {
    /// The first `length` bytes of a column.
    pub fn map(&self, path: &Path, length: u64) -> Result<Mapped, IndexError> {
        if length == 0 {
            return Ok(Mapped { map: None, length: 0 });
        }
        let (file, metadata) = open(path, length)?;
        let length = usize::try_from(length).map_err(|_| damaged(path, "is larger than the address space"))?;
        let identity = (metadata.dev(), metadata.ino());
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = kept.get(path).filter(|kept| kept.file == identity && kept.map.len() >= length) {
            return Ok(Mapped { map: Some(found.map.clone()), length });
        }
        // Room to grow, so that the map need not be made again for every commit.
        let room = length.saturating_add(length / 4).saturating_add(BLOCK);
        // SAFETY: only the first `length` bytes are read, which are committed: a writer only writes beyond them. Like every
        // reader of a mapped file, this one relies on nothing else changing or truncating the file meanwhile.
        let map = unsafe { memmap2::MmapOptions::new().len(room).map(&file) };
        let map = Arc::new(map.map_err(|source| IndexError::Read { path: path.to_path_buf(), source })?);
        // Only an optimisation: older kernels do not know it.
        let _ = map.advise_range(Advice::PopulateRead, 0, length);
        kept.insert(path.to_path_buf(), Kept { file: identity, map: map.clone() });
        Ok(Mapped { map: Some(map), length })
    }
}

impl Mapped {
    pub fn bytes(&self) -> &[u8] {
        self.map.as_ref().map(|map| &map[..self.length]).unwrap_or_default()
    }
}

/// Checks that a column contains its committed bytes.
pub(super) fn check(path: &Path, committed: u64) -> Result<(), IndexError> {
    if committed == 0 { Ok(()) } else { open(path, committed).map(drop) }
}

/// Opens a column of at least `committed` bytes for reading.
fn open(path: &Path, committed: u64) -> Result<(File, Metadata), IndexError> {
    let read = |source| IndexError::Read { path: path.to_path_buf(), source };
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(damaged(path, "is missing")),
        opened => opened.map_err(read)?,
    };
    let metadata = file.metadata().map_err(read)?;
    if metadata.len() < committed {
        return Err(damaged(path, &format!("has {} bytes instead of {committed}", metadata.len())));
    }
    Ok((file, metadata))
}

fn damaged(path: &Path, problem: &str) -> IndexError {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    IndexError::Damaged { path: path.parent().unwrap_or(path).to_path_buf(), problem: format!("{name} {problem}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_committed_bytes_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows");
        let mut column = Column::append(path.clone(), 0).unwrap();
        column.push(b"abcdef").unwrap();
        column.sync().unwrap();
        // Killed before the last three were committed.
        let mut column = Column::append(path.clone(), 3).unwrap();
        column.push(b"XY").unwrap();
        column.sync().unwrap();
        let maps = Maps::default();
        assert_eq!(maps.map(&path, 5).unwrap().bytes(), b"abcXY");
        assert_eq!(maps.map(&path, 0).unwrap().bytes(), b"");
        for problem in [
            maps.map(&path, 7).map(drop).unwrap_err().to_string(),
            Column::append(path.clone(), 7).map(drop).unwrap_err().to_string(),
        ] {
            assert!(problem.contains("damaged: rows has 6 bytes instead of 7"), "{problem}");
        }
        // What is appended is seen through the earlier map.
        let mut column = Column::append(path.clone(), 5).unwrap();
        column.push(&[b'z'; 9000]).unwrap();
        column.sync().unwrap();
        assert_eq!(maps.map(&path, 9005).unwrap().bytes()[5..], [b'z'; 9000]);
        // Another file of the same name is not.
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, b"another").unwrap();
        assert_eq!(maps.map(&path, 7).unwrap().bytes(), b"another");
        let missing = maps.map(&folder.path().join("none"), 1).map(drop).unwrap_err().to_string();
        assert!(missing.contains("none is missing"), "{missing}");
    }
}
