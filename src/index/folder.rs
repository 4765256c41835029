//! The files of an index.

use std::path::{Path, PathBuf};

use super::Shelf;

/// Paths below the folder of an index.
#[derive(Debug, Clone)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub fn new(path: &Path) -> Self {
        Folder(path.to_path_buf())
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Entries, items' texts and words, and how much of the other files is committed.
    pub fn records(&self) -> PathBuf {
        self.0.join("records.redb")
    }

    /// [`Row`](super::rows::Row) of each item.
    pub fn rows(&self) -> PathBuf {
        self.0.join("rows")
    }

    /// 8-bit codes of vectors.
    pub fn codes(&self, shelf: Shelf) -> PathBuf {
        self.0.join(format!("{shelf}.i8"))
    }

    /// 16-bit floats of vectors.
    pub fn exact(&self, shelf: Shelf) -> PathBuf {
        self.0.join(format!("{shelf}.f16"))
    }

    /// Held by whoever writes to the index.
    pub fn writer_lock(&self) -> PathBuf {
        self.0.join("writer.lock")
    }

    /// Held for a moment by whoever is about to open the records.
    pub fn gate(&self) -> PathBuf {
        self.0.join("gate")
    }
}
