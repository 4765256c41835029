//! An index of pictures, films, sounds and texts on disk, searched by vectors and by words.
//!
//! It knows no models: whoever writes to it brings vectors and says which model made them, and whoever searches it brings the
//! vector of the query, which must have been made by the same model.
//!
//! An index is a folder. Records are in a database (`records.redb`), vectors in append-only files beside it: 8-bit codes, which
//! a query scans from start to end, and 16-bit floats, by which the best candidates are ranked again. A commit first writes
//! the vectors to disk and then, in one transaction, the records and how many vectors count. So what is committed survives a
//! kill or a loss of power, and what is not is overwritten by the next commit.
//!
//! Several processes may read an index while one writes to it.

mod bits;
mod column;
mod error;
mod filter;
mod folder;
mod item;
mod reader;
mod rows;
mod search;
mod state;
mod store;
mod vectors;
mod words;
mod writer;

#[cfg(test)]
mod tests;

pub use error::IndexError;
pub use filter::Filter;
pub use item::{Entry, Item, ItemKind, MadeBy, NewItem, Shelf, Vector};
pub use reader::{Index, IndexFiles, Summary};
pub use search::{Hit, MOST_RESULTS, Query};
pub(crate) use words::words;
pub use writer::Writer;
