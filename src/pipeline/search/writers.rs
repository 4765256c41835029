//! The writers of this process: one per index, however many pipelines write to it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::index::{IndexError, Writer};

/// All of them, by path.
static OPEN: Mutex<BTreeMap<PathBuf, Weak<Mutex<Writer>>>> = Mutex::new(BTreeMap::new());

/// Writes to an index, together with whoever else does in this process. Its lock is released with the last of them.
#[derive(Clone)]
pub struct IndexWriter(Arc<Mutex<Writer>>);

impl IndexWriter {
    /// Opens the index in a folder, which is created if it does not exist.
    ///
    /// # Errors
    /// Those of [`Writer::open`].
    pub fn open(path: &Path) -> Result<Self, IndexError> {
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, writer| writer.strong_count() > 0);
        let known = fs::canonicalize(path).ok().and_then(|path| open.get(&path)?.upgrade());
        if let Some(writer) = known {
            return Ok(IndexWriter(writer));
        }
        let writer = Arc::new(Mutex::new(Writer::open(path)?));
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        open.insert(path, Arc::downgrade(&writer));
        Ok(IndexWriter(writer))
    }

    /// The writer, while nobody else uses it.
    pub fn lock(&self) -> MutexGuard<'_, Writer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
