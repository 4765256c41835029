//! Search by words: an inverted index, ranked by BM25.

mod bm25;
mod postings;
mod tokens;

pub(super) use bm25::{Statistics, Term, add_scores};
pub(super) use postings::{Posting, decode, encode};
pub(super) use tokens::counted;
pub(crate) use tokens::words;
