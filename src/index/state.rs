//! What an index contains in total. It is committed together with the records, and says how much of the other files counts.

use std::collections::BTreeMap;

use redb::{ReadOnlyDatabase, ReadableDatabase, TableError};
use serde::{Deserialize, Serialize};

use super::column;
use super::error::IndexError;
use super::folder::Folder;
use super::item::{MadeBy, Shelf};
use super::rows::ROW;
use super::store::{self, STATE};
use super::vectors::{exact_size, stride};

/// Format of this version.
pub(super) const FORMAT: u32 = 1;

/// Key of the state in its table.
pub(super) const KEY: &str = "state";

/// Totals of an index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    pub format: u32,
    /// Items, including removed ones: their numbers are not used again.
    pub items: u32,
    /// Entries, including replaced ones.
    pub entries: u32,
    /// Items that were removed or replaced.
    pub dead: u32,
    /// Texts, and their words, including those of removed items.
    pub texts: u64,
    pub words: u64,
    /// Names of sources, by number.
    pub sources: Vec<String>,
    pub shelves: BTreeMap<Shelf, ShelfState>,
}

/// The vectors of a shelf.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ShelfState {
    pub made_by: MadeBy,
    pub dimensions: usize,
    pub vectors: u32,
}

impl ShelfState {
    /// Committed bytes of the codes.
    pub fn code_bytes(&self) -> u64 {
        u64::from(self.vectors).saturating_mul(stride(self.dimensions) as u64)
    }

    /// Committed bytes of the exact vectors.
    pub fn exact_bytes(&self) -> u64 {
        u64::from(self.vectors).saturating_mul(exact_size(self.dimensions) as u64)
    }
}

impl State {
    pub fn new() -> Self {
        State {
            format: FORMAT,
            items: 0,
            entries: 0,
            dead: 0,
            texts: 0,
            words: 0,
            sources: Vec::new(),
            shelves: BTreeMap::new(),
        }
    }

    /// Committed bytes of the rows.
    pub fn row_bytes(&self) -> u64 {
        u64::from(self.items).saturating_mul(ROW as u64)
    }

    /// Checks that the files contain everything that was committed.
    ///
    /// # Errors
    /// [`IndexError::Damaged`], [`IndexError::Read`].
    pub fn check_columns(&self, folder: &Folder) -> Result<(), IndexError> {
        column::check(&folder.rows(), self.row_bytes())?;
        for (shelf, state) in &self.shelves {
            column::check(&folder.codes(*shelf), state.code_bytes())?;
            column::check(&folder.exact(*shelf), state.exact_bytes())?;
        }
        Ok(())
    }

    /// The committed state.
    pub fn read(folder: &Folder, database: &ReadOnlyDatabase) -> Result<Self, IndexError> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let not_ours = || IndexError::NotAnIndex {
            path: folder.path().to_path_buf(),
            problem: "records.redb was made by another program".to_string(),
        };
        let transaction = database.begin_read().map_err(|error| store::failed(folder, error))?;
        let table = match transaction.open_table(STATE) {
            // A database whose creation was interrupted.
            Err(TableError::TableDoesNotExist(_))
                if transaction.list_tables().is_ok_and(|mut tables| tables.next().is_none()) =>
            {
                return Ok(State::new());
            }
            Err(TableError::TableDoesNotExist(_) | TableError::TableTypeMismatch { .. }) => return Err(not_ours()),
            opened => opened.map_err(|error| store::failed(folder, error))?,
        };
        let value = table.get(KEY).map_err(|error| store::failed(folder, error))?.ok_or_else(not_ours)?;
        let head: Head = serde_json::from_slice(value.value()).map_err(|_| not_ours())?;
        if head.format != FORMAT {
            return Err(IndexError::Format { path: folder.path().to_path_buf(), found: head.format, known: FORMAT });
        }
        serde_json::from_slice(value.value()).map_err(|error| store::damaged(folder, format!("its state: {error}")))
    }

    /// Checks that vectors of `shelf` made by `made_by` can be compared with those of the index; `None` if it has no such
    /// vectors.
    pub fn shelf(&self, folder: &Folder, shelf: Shelf, made_by: &MadeBy) -> Result<Option<&ShelfState>, IndexError> {
        match self.shelves.get(&shelf) {
            Some(state) if state.made_by != *made_by => Err(IndexError::OtherModel {
                path: folder.path().to_path_buf(),
                shelf,
                made_by: state.made_by.to_string(),
                asked: made_by.to_string(),
            }),
            found => Ok(found),
        }
    }
}
