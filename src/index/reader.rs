//! Reads an index.

use std::path::Path;
use std::sync::Arc;

use redb::{ReadOnlyDatabase, ReadableDatabase, ReadableTable};

use super::bits::Bits;
use super::column::{Mapped, Maps};
use super::error::IndexError;
use super::filter::Filter;
use super::folder::Folder;
use super::item::{Item, ItemKind, MadeBy, Shelf, StoredEntry, StoredItem};
use super::rows::{ROW, Row};
use super::state::State;
use super::store::{self, DEAD, DEAD_BLOCK, ENTRIES, ITEMS, POSTINGS, THUMBNAILS};
use super::vectors::{Best, Codes, Scored, exact_size, scan, similarity, unit};
use super::words::{Posting, Statistics, Term, add_scores, decode, words};
use super::writer::existing;

/// Words of a query that count.
const MOST_WORDS: usize = 64;

/// Candidates of the scan that are ranked by their exact similarity: at least this many, and this many times the wanted
/// number. Measured with random vectors, the worst case: recall@10 above 0.99 (docs/search.md).
const CANDIDATES: usize = 100;
const CANDIDATES_PER_RESULT: usize = 5;

/// Threads of a scan.
const THREADS: usize = 2;

/// An index as it was when it was opened. Keep it for a search and no longer: a writer's commit waits for it.
pub struct Index {
    folder: Folder,
    database: ReadOnlyDatabase,
    state: State,
    maps: Arc<Maps>,
    rows: Mapped,
    dead: Bits,
    threads: usize,
}

/// Files of indexes, kept mapped from one search to the next by whoever searches more than once.
#[derive(Clone, Default)]
pub struct IndexFiles(Arc<Maps>);

/// Sizes of an index.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Summary {
    /// Items that can be found.
    pub items: u64,
    /// The model of each shelf's vectors, and their number, including those of removed items.
    pub vectors: Vec<(Shelf, MadeBy, u32)>,
}

impl Index {
    /// Opens the index in a folder.
    ///
    /// # Errors
    /// [`IndexError::NotAnIndex`], [`IndexError::Format`], [`IndexError::Damaged`]; [`IndexError::Busy`] if a writer does not
    /// finish its commit.
    pub fn open(path: &Path) -> Result<Self, IndexError> {
        Self::open_with(path, &IndexFiles::default())
    }

    /// As [`Index::open`], with the files that an earlier opening left mapped.
    ///
    /// # Errors
    /// As [`Index::open`].
    pub fn open_with(path: &Path, files: &IndexFiles) -> Result<Self, IndexError> {
        let folder = Folder::new(path);
        let not_an_index =
            |problem: &str| Err(IndexError::NotAnIndex { path: path.to_path_buf(), problem: problem.to_string() });
        if !path.exists() {
            return not_an_index("there is nothing at this path; `edgefuse index` makes one");
        }
        if !path.is_dir() {
            return not_an_index("it is not a folder");
        }
        if !folder.records().exists() {
            return not_an_index("the folder has no records.redb");
        }
        let database = store::read(&folder)?;
        store::guarded(&folder.clone(), || {
            let state = State::read(&folder, &database)?;
            let maps = files.0.clone();
            let rows = maps.map(&folder.rows(), state.row_bytes())?;
            let dead = dead(&database, &state).map_err(|error| store::failed(&folder, error))?;
            Ok(Index { folder, database, state, maps, rows, dead, threads: THREADS })
        })
    }

    /// Sets the number of threads of a scan; 2 otherwise.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// Sizes.
    pub fn summary(&self) -> Summary {
        let vectors = self.state.shelves.iter().map(|(shelf, it)| (*shelf, it.made_by.clone(), it.vectors)).collect();
        Summary { items: u64::from(self.state.items.saturating_sub(self.state.dead)), vectors }
    }

    /// The model that made the vectors of a shelf, if it has any.
    pub fn made_by(&self, shelf: Shelf) -> Option<&MadeBy> {
        self.state.shelves.get(&shelf).map(|shelf| &shelf.made_by)
    }

    /// The items that a search may find.
    pub(super) fn admitted(&self, filter: Option<&Filter>) -> Result<Bits, IndexError> {
        match filter {
            None => Ok(Bits::without(self.state.items, &self.dead)),
            Some(filter) => self.guarded(|| self.admitted_by(filter)),
        }
    }

    fn admitted_by(&self, filter: &Filter) -> Result<Bits, redb::Error> {
        let conditions = filter.entry_conditions();
        let mut entries = vec![Bits::none(self.state.entries); conditions.len()];
        if !conditions.is_empty() {
            let transaction = self.database.begin_read()?;
            if let Some(table) = existing(transaction.open_table(ENTRIES))? {
                for pair in table.iter()? {
                    let (number, entry) = pair?;
                    let Ok(entry) = serde_json::from_slice::<StoredEntry>(entry.value()) else { continue };
                    for (condition, bits) in conditions.iter().zip(&mut entries) {
                        if condition.fits(&entry.key, entry.path.as_deref()) {
                            bits.insert(number.value());
                        }
                    }
                }
            }
        }
        let mut admitted = Bits::none(self.state.items);
        for (item, row) in (0..).zip(self.rows.bytes().chunks_exact(ROW)) {
            let Some(row) = Row::of_bytes(row).filter(|_| !self.dead.contains(item)) else { continue };
            let source = self.state.sources.get(usize::from(row.source)).map_or("", String::as_str);
            if filter.fits(&row, source, &|index| entries[index].contains(row.entry)) {
                admitted.insert(item);
            }
        }
        Ok(admitted)
    }

    /// Those of `items` that are neither pictures nor frames.
    pub(super) fn without_pictures(&self, items: &Bits) -> Bits {
        let mut others = Bits::none(self.state.items);
        for (item, row) in (0..).zip(self.rows.bytes().chunks_exact(ROW)) {
            let seen = |row: Row| matches!(row.kind, ItemKind::Picture | ItemKind::Frame);
            if items.contains(item) && !Row::of_bytes(row).is_none_or(seen) {
                others.insert(item);
            }
        }
        others
    }

    /// The `most` items of a shelf that are most similar to `query`, with their cosine similarity; none without such vectors.
    pub(super) fn nearest(
        &self,
        shelf: Shelf,
        query: &[f32],
        made_by: &MadeBy,
        admitted: &Bits,
        most: usize,
    ) -> Result<Vec<Scored>, IndexError> {
        let query = unit(query)?;
        let Some(state) = self.state.shelf(&self.folder, shelf, made_by)? else {
            return Ok(Vec::new());
        };
        let dimensions = state.dimensions;
        if query.len() != dimensions {
            let given = query.len();
            let problem = format!("a vector of {given} numbers, where those of the index have {dimensions}");
            return Err(IndexError::Unusable { problem });
        }
        let codes = self.maps.map(&self.folder.codes(shelf), state.code_bytes())?;
        let exact = self.maps.map(&self.folder.exact(shelf), state.exact_bytes())?;
        let candidates = (most * CANDIDATES_PER_RESULT).max(CANDIDATES);
        let found = scan(Codes::new(codes.bytes(), dimensions), &query, admitted, candidates, self.threads);
        let mut best = Best::new(most);
        for (scored, item) in found {
            let start = scored.number as usize * exact_size(dimensions);
            let score = similarity(&query, &exact.bytes()[start..start + exact_size(dimensions)]);
            best.push(Scored { score, number: item });
        }
        Ok(best.into_sorted())
    }

    /// The `most` items whose texts fit the words best, by BM25; `with_vectors` is whether vectors are compared, too.
    pub(super) fn by_words(
        &self,
        text: &str,
        with_vectors: bool,
        admitted: &Bits,
        most: usize,
    ) -> Result<Vec<Scored>, IndexError> {
        let mut words = words(text);
        words.sort();
        words.dedup();
        words.truncate(MOST_WORDS);
        let mut scores = vec![0.0; self.state.items as usize];
        let all = Statistics { texts: self.state.texts, words: self.state.words };
        let length = |item: u32| {
            let at = item as usize * ROW;
            self.rows.bytes().get(at..at + ROW).and_then(Row::of_bytes).map_or(0, |row| row.words)
        };
        let mut terms = Vec::new();
        for word in &words {
            let postings = self.guarded(|| self.postings(word))?;
            let postings = postings.ok_or_else(|| store::damaged(&self.folder, format!("the list of `{word}`")))?;
            terms.push(Term { postings });
        }
        // A word that most texts contain, such as "a", hardly distinguishes them, so it counts only if the question has no others.
        let common = |term: &Term| 2 * term.postings.len() as u64 > all.texts;
        let only_common = terms.iter().filter(|term| with_vectors || !term.postings.is_empty()).all(common);
        for term in terms.iter().filter(|term| only_common || !common(term)) {
            add_scores(term, all, length, &mut scores);
        }
        let mut best = Best::new(most);
        for (number, score) in (0..).zip(scores) {
            if score > 0.0 && score >= best.threshold() && admitted.contains(number) {
                best.push(Scored { score, number });
            }
        }
        Ok(best.into_sorted())
    }

    /// The items that contain a word; `None` for a list that cannot be read.
    fn postings(&self, word: &str) -> Result<Option<Vec<Posting>>, redb::Error> {
        let transaction = self.database.begin_read()?;
        let Some(table) = existing(transaction.open_table(POSTINGS))? else { return Ok(Some(Vec::new())) };
        let mut postings = Vec::new();
        for pair in table.range((word, 0)..=(word, u32::MAX))? {
            let (key, list) = pair?;
            match decode(list.value(), key.value().1) {
                Some(more) => postings.extend(more),
                None => return Ok(None),
            }
        }
        Ok(Some(postings))
    }

    /// An item by its number; `None` if there is none, or it was removed.
    ///
    /// # Errors
    /// [`IndexError::Damaged`].
    pub fn item(&self, number: u32) -> Result<Option<Item>, IndexError> {
        if self.dead.contains(number) || number >= self.state.items {
            return Ok(None);
        }
        let at = number as usize * ROW;
        let damaged = || store::damaged(&self.folder, format!("item {number}"));
        let row = self.rows.bytes().get(at..at + ROW).and_then(Row::of_bytes).ok_or_else(damaged)?;
        let (entry, stored) = self.guarded(|| self.stored(number, row.entry))?;
        let entry: StoredEntry = serde_json::from_slice(&entry).map_err(|_| damaged())?;
        let stored: StoredItem = serde_json::from_slice(&stored).map_err(|_| damaged())?;
        let StoredItem { start, end, text, metadata } = stored;
        Ok(Some(Item {
            item: number,
            kind: row.kind,
            id: entry.key,
            source: self.state.sources.get(usize::from(row.source)).cloned().ok_or_else(damaged)?,
            path: entry.path,
            time: row.time.map(|time| time as f64 / 1e3),
            start,
            end,
            text,
            metadata,
        }))
    }

    /// The bytes of an entry and an item; empty if there is none.
    fn stored(&self, item: u32, entry: u32) -> Result<(Vec<u8>, Vec<u8>), redb::Error> {
        let transaction = self.database.begin_read()?;
        let entry = transaction.open_table(ENTRIES)?.get(entry)?.map(|entry| entry.value().to_vec());
        let item = transaction.open_table(ITEMS)?.get(item)?.map(|item| item.value().to_vec());
        Ok((entry.unwrap_or_default(), item.unwrap_or_default()))
    }

    /// The small picture of an item, as JPEG, if it has one.
    ///
    /// # Errors
    /// [`IndexError::Damaged`].
    pub fn thumbnail(&self, number: u32) -> Result<Option<Vec<u8>>, IndexError> {
        self.guarded(|| {
            let transaction = self.database.begin_read()?;
            let Some(table) = existing(transaction.open_table(THUMBNAILS))? else { return Ok(None) };
            Ok(table.get(number)?.map(|bytes| bytes.value().to_vec()))
        })
    }

    fn guarded<T>(&self, work: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, IndexError> {
        store::guarded(&self.folder, || work().map_err(|error| store::failed(&self.folder, error)))
    }
}

/// The removed items.
fn dead(database: &ReadOnlyDatabase, state: &State) -> Result<Bits, redb::Error> {
    let mut dead = Bits::none(state.items);
    let transaction = database.begin_read()?;
    if let Some(table) = existing(transaction.open_table(DEAD))? {
        for pair in table.iter()? {
            let (block, bits) = pair?;
            dead.fill(block.value() as usize * DEAD_BLOCK as usize / 64, bits.value());
        }
    }
    Ok(dead)
}
