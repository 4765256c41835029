//! The records of an index, in a redb database.
//!
//! redb lets several processes read a file, or one write it. A writer therefore opens it for the moment of a commit only, and
//! readers for that of a search. So that a stream of readers does not keep a writer out, both pass through a gate: a lock
//! that is held until the database is open.

use std::fs::{File, OpenOptions, TryLockError};
use std::thread;
use std::time::{Duration, Instant};

use redb::{Builder, Database, DatabaseError, ReadOnlyDatabase, StorageError, TableDefinition};

use super::error::IndexError;
use super::folder::Folder;
use crate::support::guard::caught;
use crate::support::output_error::OutputError;

/// `state`: the [`State`](super::state::State) as JSON.
pub(super) const STATE: TableDefinition<&str, &[u8]> = TableDefinition::new("state");
/// Number of an entry by its key.
pub(super) const KEYS: TableDefinition<&str, u32> = TableDefinition::new("keys");
/// Entries by number, as JSON.
pub(super) const ENTRIES: TableDefinition<u32, &[u8]> = TableDefinition::new("entries");
/// What rows do not contain of items, as JSON.
pub(super) const ITEMS: TableDefinition<u32, &[u8]> = TableDefinition::new("items");
/// Small pictures of items, as JPEG.
pub(super) const THUMBNAILS: TableDefinition<u32, &[u8]> = TableDefinition::new("thumbnails");
/// Removed items: a bit each, in blocks of [`DEAD_BLOCK`] items.
pub(super) const DEAD: TableDefinition<u32, &[u8]> = TableDefinition::new("dead");
/// Items that contain a word, by word and first item of the block.
pub(super) const POSTINGS: TableDefinition<(&str, u32), &[u8]> = TableDefinition::new("postings");

/// Items of a block of [`DEAD`].
pub(super) const DEAD_BLOCK: u32 = 32_768;

/// Memory for pages of the database.
const CACHE: usize = 32 << 20;

/// How long readers and writers wait for each other.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// Interval between two attempts.
const RETRY: Duration = Duration::from_millis(1);

/// Opens the records for reading; the writer waits for whoever does.
pub(super) fn read(folder: &Folder) -> Result<ReadOnlyDatabase, IndexError> {
    let deadline = Instant::now() + LONGEST_WAIT;
    for attempt in 0.. {
        let _gate = Gate::pass(folder, deadline)?;
        let path = folder.records();
        let opened = guarded(folder, || Ok(builder().open_read_only(&path)))?;
        match opened {
            Ok(database) => return Ok(database),
            Err(DatabaseError::DatabaseAlreadyOpen) => {}
            // A writer was killed: opening for writing completes what it had committed.
            Err(DatabaseError::RepairAborted) if attempt == 0 => match guarded(folder, || Ok(builder().open(&path)))? {
                Ok(_) | Err(DatabaseError::DatabaseAlreadyOpen) => continue,
                Err(error) => return Err(unusable(folder, error)),
            },
            Err(error) => return Err(unusable(folder, error)),
        }
        wait(folder, deadline)?;
    }
    Err(busy(folder))
}

/// Opens the records for writing, once nobody reads them; creates them if there are none. Readers wait until the closure
/// returns.
pub(super) fn write<T>(
    folder: &Folder,
    change: impl FnOnce(&Database) -> Result<T, redb::Error>,
) -> Result<T, IndexError> {
    let deadline = Instant::now() + LONGEST_WAIT;
    let _gate = Gate::pass(folder, deadline)?;
    loop {
        let path = folder.records();
        match guarded(folder, || Ok(builder().create(&path)))? {
            Ok(database) => {
                return guarded(folder, || {
                    let changed = change(&database);
                    drop(database);
                    changed.map_err(|error| failed(folder, error))
                });
            }
            Err(DatabaseError::DatabaseAlreadyOpen) => wait(folder, deadline)?,
            Err(error) => return Err(unusable(folder, error)),
        }
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE);
    builder
}

/// Runs code of the database, which panics on some damaged files.
pub(super) fn guarded<T>(folder: &Folder, work: impl FnOnce() -> Result<T, IndexError>) -> Result<T, IndexError> {
    caught(work).unwrap_or_else(|| Err(damaged(folder, "its records are malformed".to_string())))
}

pub(super) fn damaged(folder: &Folder, problem: String) -> IndexError {
    IndexError::Damaged { path: folder.path().to_path_buf(), problem }
}

/// Error of an operation on the open database.
pub(super) fn failed(folder: &Folder, error: impl Into<redb::Error>) -> IndexError {
    match error.into() {
        redb::Error::Io(source) => OutputError::Write { path: folder.records(), source }.into(),
        error => damaged(folder, format!("records.redb: {error}")),
    }
}

/// Error of opening the database.
fn unusable(folder: &Folder, error: DatabaseError) -> IndexError {
    match error {
        DatabaseError::Storage(StorageError::Io(source)) if source.kind() == std::io::ErrorKind::NotFound => {
            let problem = "there is none at this path; `edgefuse index` makes one".to_string();
            IndexError::NotAnIndex { path: folder.path().to_path_buf(), problem }
        }
        DatabaseError::Storage(StorageError::Io(source)) if source.kind() == std::io::ErrorKind::InvalidData => {
            damaged(folder, format!("records.redb: {source}"))
        }
        DatabaseError::Storage(StorageError::Io(source)) => IndexError::Read { path: folder.records(), source },
        error => damaged(folder, format!("records.redb: {error}")),
    }
}

fn busy(folder: &Folder) -> IndexError {
    IndexError::Busy { path: folder.path().to_path_buf(), seconds: LONGEST_WAIT.as_secs() }
}

fn wait(folder: &Folder, deadline: Instant) -> Result<(), IndexError> {
    if Instant::now() > deadline {
        return Err(busy(folder));
    }
    thread::sleep(RETRY);
    Ok(())
}

/// The lock of whoever is about to open the records. Released when dropped.
struct Gate(#[expect(dead_code, reason = "closing it releases the lock")] Option<File>);

impl Gate {
    fn pass(folder: &Folder, deadline: Instant) -> Result<Self, IndexError> {
        // An index on a read-only file system has no writer.
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(folder.gate());
        let Ok(file) = opened.or_else(|_| File::open(folder.gate())) else { return Ok(Gate(None)) };
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Gate(Some(file))),
                Err(TryLockError::WouldBlock) => wait(folder, deadline)?,
                // Locks are not supported; redb goes without, too.
                Err(TryLockError::Error(_)) => return Ok(Gate(None)),
            }
        }
    }
}
