//! Writes to an index.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use redb::{Database, ReadOnlyDatabase, ReadableDatabase, ReadableTable, WriteTransaction};

use super::column::Column;
use super::error::IndexError;
use super::folder::Folder;
use super::item::{Entry, NewItem, StoredEntry, StoredItem};
use super::rows::Row;
use super::state::{self, ShelfState, State};
use super::store::{self, DEAD, DEAD_BLOCK, ENTRIES, ITEMS, KEYS, POSTINGS, STATE, THUMBNAILS};
use super::vectors::{Codes, exact_bytes, stride, unit};
use super::words::{Posting, counted, decode, encode};
use crate::support::file_lock::FileLock;
use crate::support::output_error::OutputError;

/// Bytes of a list of postings to which further ones are appended; a longer one is followed by another list.
const LONGEST_LIST: usize = 2048;

/// Keys that are read at once while pruning.
const KEYS_AT_ONCE: usize = 1024;

/// Writes to an index: the only one at a time. Entries are collected, and are in the index once [`Writer::commit`] returns:
/// then neither a killed process nor a loss of power loses them.
pub struct Writer {
    folder: Folder,
    _lock: FileLock,
    state: State,
    batch: BTreeMap<String, Option<Entry>>,
    items: usize,
    /// Open between two commits, to look entries up.
    reading: Option<ReadOnlyDatabase>,
}

impl Writer {
    /// Opens the index in a folder, which is created if it does not exist.
    ///
    /// # Errors
    /// [`IndexError::NotAnIndex`] for a folder with other files; [`OutputError::Busy`] while another writes;
    /// [`IndexError::Damaged`] and [`IndexError::Format`].
    pub fn open(path: &Path) -> Result<Self, IndexError> {
        let folder = Folder::new(path);
        let failed = |source| OutputError::Write { path: path.to_path_buf(), source };
        let exists = folder.records().exists();
        if !exists {
            fs::create_dir_all(path).map_err(failed)?;
            let ours = ["writer.lock", "gate"];
            let mut others = fs::read_dir(path).map_err(failed)?.filter_map(Result::ok);
            if let Some(other) = others.find(|file| !ours.iter().any(|name| file.file_name() == *name)) {
                let problem = format!("the folder contains {:?}; name one that is empty or new", other.file_name());
                return Err(IndexError::NotAnIndex { path: path.to_path_buf(), problem });
            }
        }
        let lock = FileLock::acquire(&folder.writer_lock(), path)?;
        let state = match exists {
            true => {
                let database = store::read(&folder)?;
                store::guarded(&folder, || State::read(&folder, &database))?
            }
            false => State::new(),
        };
        state.check_columns(&folder)?;
        if !exists || state == State::new() {
            store::write(&folder, |database| {
                let transaction = begin(database)?;
                put_state(&transaction, &state)?;
                Ok(transaction.commit()?)
            })?;
            // The files' names are on disk, too.
            let synced = fs::File::open(path).and_then(|folder| folder.sync_all());
            synced.map_err(failed)?;
        }
        Ok(Writer { folder, _lock: lock, state, batch: BTreeMap::new(), items: 0, reading: None })
    }

    /// The version of the entry called `key`, if there is one.
    ///
    /// # Errors
    /// [`IndexError::Damaged`], [`IndexError::Read`].
    pub fn version(&mut self, key: &str) -> Result<Option<String>, IndexError> {
        if let Some(waiting) = self.batch.get(key) {
            return Ok(waiting.as_ref().map(|entry| entry.version.clone()));
        }
        let found = self.read(|database| read_entry(database, key))?;
        Ok(found.map(|entry| entry.version))
    }

    /// Adds an entry, which replaces the one of the same key, at the next commit.
    ///
    /// # Errors
    /// [`IndexError::Unusable`] for a vector without a direction, or of another length than the others;
    /// [`IndexError::OtherModel`] for one that was made by another model.
    pub fn put(&mut self, entry: Entry) -> Result<(), IndexError> {
        for vector in entry.items.iter().flat_map(|item| &item.vectors) {
            unit(&vector.numbers)?;
            let found = self.state.shelf(&self.folder, vector.shelf, &vector.made_by)?;
            let dimensions = found.map_or(vector.numbers.len(), |shelf| shelf.dimensions);
            if vector.numbers.len() != dimensions {
                let given = vector.numbers.len();
                let problem = format!("a vector of {given} numbers, where those of the index have {dimensions}");
                return Err(IndexError::Unusable { problem });
            }
            if found.is_none() {
                let shelf = ShelfState { made_by: vector.made_by.clone(), dimensions, vectors: 0 };
                self.state.shelves.insert(vector.shelf, shelf);
            }
        }
        self.items += entry.items.len();
        self.batch.insert(entry.key.clone(), Some(entry));
        Ok(())
    }

    /// Removes an entry at the next commit.
    pub fn remove(&mut self, key: &str) {
        self.batch.insert(key.to_string(), None);
    }

    /// Removes the entries whose key starts with `prefix` at the next commit.
    ///
    /// # Errors
    /// [`IndexError::Damaged`], [`IndexError::Read`].
    pub fn remove_all(&mut self, prefix: &str) -> Result<(), IndexError> {
        let mut after = prefix.to_string();
        loop {
            let some = self.read(|database| entries_after(database, Some(&after)))?;
            let Some(last) = some.last() else { return Ok(()) };
            after.clone_from(&last.key);
            for entry in some {
                if !entry.key.starts_with(prefix) {
                    return Ok(());
                }
                self.remove(&entry.key);
            }
        }
    }

    /// Items that wait for a commit.
    pub fn waiting(&self) -> usize {
        self.items
    }

    /// Removes the entries for which `keep` returns `false`, at the next commit; returns their number. `keep` is called with
    /// key, source and path.
    ///
    /// # Errors
    /// [`IndexError::Damaged`], [`IndexError::Read`].
    pub fn prune(&mut self, keep: &mut dyn FnMut(&str, Option<&str>) -> bool) -> Result<u64, IndexError> {
        let mut removed = 0;
        let mut after: Option<String> = None;
        loop {
            let some = self.read(|database| entries_after(database, after.as_deref()))?;
            let Some(last) = some.last() else { return Ok(removed) };
            after = Some(last.key.clone());
            for entry in some {
                if !keep(&entry.key, entry.path.as_deref()) {
                    self.remove(&entry.key);
                    removed += 1;
                }
            }
        }
    }

    /// Writes everything that waits to disk.
    ///
    /// # Errors
    /// [`OutputError::Write`], such as for a full disk: nothing of the batch is in the index then, and the next commit tries
    /// again; [`IndexError::Busy`] if readers keep the index open.
    pub fn commit(&mut self) -> Result<(), IndexError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        self.reading = None;
        let mut state = self.state.clone();
        let prepared = prepare(&self.folder, &mut state, &self.batch)?;
        let batch = &self.batch;
        let committed = store::write(&self.folder, |database| {
            let transaction = begin(database)?;
            state.dead += remove_entries(&transaction, batch.keys())?;
            prepared.put(&transaction)?;
            put_state(&transaction, &state)?;
            transaction.commit()?;
            Ok(())
        });
        committed?;
        self.state = state;
        self.batch.clear();
        self.items = 0;
        Ok(())
    }

    /// Reads from the records.
    fn read<T>(&mut self, work: impl FnOnce(&ReadOnlyDatabase) -> Result<T, redb::Error>) -> Result<T, IndexError> {
        let database = match self.reading.take() {
            Some(database) => database,
            None => store::read(&self.folder)?,
        };
        let database = self.reading.insert(database);
        store::guarded(&self.folder, || work(database).map_err(|error| store::failed(&self.folder, error)))
    }
}

/// What a commit adds to the records.
#[derive(Default)]
struct Prepared {
    entries: Vec<(u32, StoredEntry)>,
    items: Vec<(u32, Vec<u8>)>,
    thumbnails: Vec<(u32, Vec<u8>)>,
    postings: BTreeMap<String, Vec<Posting>>,
}

/// Appends rows and vectors of the batch to their files, so that they are on disk before the records refer to them.
fn prepare(
    folder: &Folder,
    state: &mut State,
    batch: &BTreeMap<String, Option<Entry>>,
) -> Result<Prepared, IndexError> {
    let mut prepared = Prepared::default();
    let mut rows = Column::append(folder.rows(), state.row_bytes())?;
    let mut shelves = BTreeMap::new();
    for (shelf, shelf_state) in &state.shelves {
        let codes = Column::append(folder.codes(*shelf), shelf_state.code_bytes())?;
        let exact = Column::append(folder.exact(*shelf), shelf_state.exact_bytes())?;
        shelves.insert(*shelf, (codes, exact));
    }
    for entry in batch.values().flatten() {
        let number = next(&mut state.entries)?;
        let source = source_number(state, &entry.source)?;
        let first = state.items;
        for item in &entry.items {
            let at = next(&mut state.items)?;
            let words = prepared.add(at, item);
            if item.text.is_some() {
                state.texts += 1;
                state.words += u64::from(words);
            }
            let time = item.time.map(|seconds| (seconds * 1e3).round() as i64);
            rows.push(&Row { time, entry: number, words, source, kind: item.kind }.to_bytes())?;
            for vector in &item.vectors {
                let Some((codes, exact)) = shelves.get_mut(&vector.shelf) else { continue };
                let numbers = unit(&vector.numbers)?;
                let mut code = Vec::with_capacity(stride(numbers.len()));
                Codes::encode(at, &numbers, &mut code);
                codes.push(&code)?;
                exact.push(&exact_bytes(&numbers))?;
                if let Some(shelf) = state.shelves.get_mut(&vector.shelf) {
                    next(&mut shelf.vectors)?;
                }
            }
        }
        let Entry { key, version, path, .. } = entry;
        let (key, version, path) = (key.clone(), version.clone(), path.clone());
        prepared.entries.push((number, StoredEntry { key, version, path, first, count: state.items - first }));
    }
    rows.sync()?;
    for (codes, exact) in shelves.values_mut() {
        codes.sync()?;
        exact.sync()?;
    }
    Ok(prepared)
}

impl Prepared {
    /// Adds an item; returns the number of words of its text.
    fn add(&mut self, at: u32, item: &NewItem) -> u32 {
        let NewItem { start, end, text, metadata, thumbnail, .. } = item;
        let stored = StoredItem { start: *start, end: *end, text: text.clone(), metadata: metadata.clone() };
        self.items.push((at, serde_json::to_vec(&stored).unwrap_or_default()));
        self.thumbnails.extend(thumbnail.clone().map(|bytes| (at, bytes)));
        let (counts, words) = counted(text.as_deref().unwrap_or_default());
        for (word, count) in counts {
            self.postings.entry(word).or_default().push(Posting { item: at, count });
        }
        words
    }

    fn put(&self, transaction: &WriteTransaction) -> Result<(), redb::Error> {
        let (mut keys, mut entries) = (transaction.open_table(KEYS)?, transaction.open_table(ENTRIES)?);
        for (number, entry) in &self.entries {
            keys.insert(entry.key.as_str(), *number)?;
            entries.insert(*number, serde_json::to_vec(entry).unwrap_or_default().as_slice())?;
        }
        let mut items = transaction.open_table(ITEMS)?;
        for (at, item) in &self.items {
            items.insert(*at, item.as_slice())?;
        }
        let mut thumbnails = transaction.open_table(THUMBNAILS)?;
        for (at, thumbnail) in &self.thumbnails {
            thumbnails.insert(*at, thumbnail.as_slice())?;
        }
        let mut table = transaction.open_table(POSTINGS)?;
        for (word, postings) in &self.postings {
            let Some(first) = postings.first().map(|posting| posting.item) else { continue };
            let last = table.range((word.as_str(), 0)..(word.as_str(), first))?.next_back().transpose()?;
            let last = last.map(|(key, list)| (key.value().1, list.value().to_vec()));
            let open = last.filter(|(_, list)| list.len() < LONGEST_LIST);
            let continued = open.and_then(|(at, list)| Some((at, decode(&list, at)?.last()?.item, list)));
            let (at, before, mut list) = continued.unwrap_or((first, first, Vec::new()));
            encode(postings, before, &mut list);
            table.insert((word.as_str(), at), list.as_slice())?;
        }
        Ok(())
    }
}

fn begin(database: &Database) -> Result<WriteTransaction, redb::Error> {
    let mut transaction = database.begin_write()?;
    // After a kill, the next one to open the database need not read all of it.
    transaction.set_quick_repair(true);
    Ok(transaction)
}

fn put_state(transaction: &WriteTransaction, state: &State) -> Result<(), redb::Error> {
    let mut table = transaction.open_table(STATE)?;
    table.insert(state::KEY, serde_json::to_vec(state).unwrap_or_default().as_slice())?;
    Ok(())
}

/// Removes the entries that have one of these keys; returns the number of their items.
fn remove_entries<'a>(
    transaction: &WriteTransaction,
    removed: impl Iterator<Item = &'a String>,
) -> Result<u32, redb::Error> {
    let (mut keys, mut entries) = (transaction.open_table(KEYS)?, transaction.open_table(ENTRIES)?);
    let (mut items, mut thumbnails) = (transaction.open_table(ITEMS)?, transaction.open_table(THUMBNAILS)?);
    let mut numbers = BTreeSet::new();
    for key in removed {
        let Some(number) = keys.remove(key.as_str())?.map(|number| number.value()) else { continue };
        let entry: Option<StoredEntry> =
            entries.remove(number)?.and_then(|entry| serde_json::from_slice(entry.value()).ok());
        let Some(StoredEntry { first, count, .. }) = entry else { continue };
        for item in first..first.saturating_add(count) {
            items.remove(item)?;
            thumbnails.remove(item)?;
            numbers.insert(item);
        }
    }
    let mut dead = transaction.open_table(DEAD)?;
    let blocks: BTreeSet<u32> = numbers.iter().map(|item| item / DEAD_BLOCK).collect();
    for block in blocks {
        let mut bits = dead.get(block)?.map_or_else(|| vec![0; DEAD_BLOCK as usize / 8], |bits| bits.value().to_vec());
        let first = block * DEAD_BLOCK;
        for item in numbers.range(first..=first.saturating_add(DEAD_BLOCK - 1)) {
            if let Some(byte) = bits.get_mut((item - first) as usize / 8) {
                *byte |= 1 << (item % 8);
            }
        }
        dead.insert(block, bits.as_slice())?;
    }
    Ok(numbers.len() as u32)
}

fn read_entry(database: &ReadOnlyDatabase, key: &str) -> Result<Option<StoredEntry>, redb::Error> {
    let transaction = database.begin_read()?;
    let Some(keys) = existing(transaction.open_table(KEYS))? else { return Ok(None) };
    let Some(number) = keys.get(key)?.map(|number| number.value()) else { return Ok(None) };
    let entry = transaction.open_table(ENTRIES)?.get(number)?;
    Ok(entry.and_then(|entry| serde_json::from_slice(entry.value()).ok()))
}

/// The next entries in the order of their keys.
fn entries_after(database: &ReadOnlyDatabase, after: Option<&str>) -> Result<Vec<StoredEntry>, redb::Error> {
    let transaction = database.begin_read()?;
    let Some(keys) = existing(transaction.open_table(KEYS))? else { return Ok(Vec::new()) };
    let entries = transaction.open_table(ENTRIES)?;
    let mut found = Vec::new();
    let start = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
    for pair in keys.range::<&str>((start, std::ops::Bound::Unbounded))?.take(KEYS_AT_ONCE) {
        let entry = entries.get(pair?.1.value())?;
        found.extend(entry.and_then(|entry| serde_json::from_slice(entry.value()).ok()));
    }
    Ok(found)
}

/// The table, unless nothing was ever put into it.
pub(super) fn existing<T>(opened: Result<T, redb::TableError>) -> Result<Option<T>, redb::Error> {
    match opened {
        Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
        opened => Ok(Some(opened?)),
    }
}

/// Counts up; returns the number before.
fn next(number: &mut u32) -> Result<u32, IndexError> {
    let full = || IndexError::Unusable { problem: "the index is full: it has 4294967295 items".to_string() };
    let before = *number;
    *number = before.checked_add(1).ok_or_else(full)?;
    Ok(before)
}

fn source_number(state: &mut State, name: &str) -> Result<u16, IndexError> {
    let known = state.sources.iter().position(|source| source == name);
    let number = known.unwrap_or(state.sources.len());
    if known.is_none() {
        state.sources.push(name.to_string());
    }
    u16::try_from(number).map_err(|_| IndexError::Unusable { problem: "the index has 65536 sources".to_string() })
}
