//! Between records and indexes: what of a record is found, and how a question becomes a query.

mod entry;
mod made_by;
mod searcher;
mod thumbnail;
mod writers;

pub(super) use entry::{Found, entry};
pub(super) use made_by::made_by;
pub use searcher::{Question, Searched, Searcher};
pub use thumbnail::thumbnail_of;
pub use writers::IndexWriter;
