//! Searches by vectors and words together.

use std::collections::BTreeMap;

use serde::Serialize;

use super::error::IndexError;
use super::filter::Filter;
use super::item::{Item, Shelf, Vector};
use super::reader::Index;
use super::vectors::Scored;

/// Smooths ranks (Cormack, Clarke and Buettcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning
/// Methods", 2009).
const RANK_OFFSET: f32 = 60.0;

/// Results of each ranking that are fused.
const DEPTH: usize = 100;

/// Most results of a search.
pub const MOST_RESULTS: usize = 1000;

/// What is searched for. Each ranking that has results counts the same: one per vector, one for words.
#[derive(Debug, Clone, Default)]
pub struct Query {
    /// Vectors, each to be compared with those of its shelf.
    pub vectors: Vec<Vector>,
    /// Whether the vectors are those of a picture: pictures are then found before texts, which count half.
    pub of_picture: bool,
    /// Words, to be found in captions, transcripts and texts.
    pub words: Option<String>,
    /// Which items may be found; all if `None`.
    pub filter: Option<Filter>,
    /// Number of results, 1 to [`MOST_RESULTS`].
    pub top: usize,
}

/// A result of a search.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Hit {
    /// Sum of `weight` / (60 + rank) over the rankings in which it occurs; only its order has a meaning.
    pub score: f32,
    /// Cosine similarity of the query with the item's picture, text or sound, if they were compared.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub similarity: BTreeMap<Shelf, f32>,
    /// BM25 score of the words, if any occur.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub words: Option<f32>,
    /// The item.
    #[serde(flatten)]
    pub item: Item,
}

#[derive(Default)]
struct Found {
    score: f32,
    similarity: BTreeMap<Shelf, f32>,
    words: Option<f32>,
}

impl Index {
    /// The best results, best first.
    ///
    /// # Errors
    /// [`IndexError::OtherModel`] for a vector of a model that did not make those of the index;
    /// [`IndexError::Unusable`] for a query without vectors and words, or too many results; [`IndexError::Damaged`].
    pub fn search(&self, query: &Query) -> Result<Vec<Hit>, IndexError> {
        if query.top == 0 || query.top > MOST_RESULTS {
            let problem = format!("{} results; a search returns 1 to {MOST_RESULTS}", query.top);
            return Err(IndexError::Unusable { problem });
        }
        if query.vectors.is_empty() && query.words.is_none() {
            return Err(IndexError::Unusable { problem: "a search without a query".to_string() });
        }
        let admitted = self.admitted(query.filter.as_ref())?;
        let depth = query.top.max(DEPTH);
        let mut found: BTreeMap<u32, Found> = BTreeMap::new();
        // The picture itself says more than the vector of its caption, whose words are searched anyway.
        let pictures = query.vectors.iter().any(|vector| vector.shelf == Shelf::Picture);
        for Vector { shelf, made_by, numbers } in &query.vectors {
            let among = match pictures && *shelf == Shelf::Text {
                true => &self.without_pictures(&admitted),
                false => &admitted,
            };
            let weight = if query.of_picture && *shelf == Shelf::Text { 0.5 } else { 1.0 };
            let ranked = self.nearest(*shelf, numbers, made_by, among, depth)?;
            rank(&mut found, &ranked, weight, |found, score| {
                found.similarity.insert(*shelf, score);
            });
        }
        if let Some(words) = &query.words {
            let ranked = self.by_words(words, !query.vectors.is_empty(), &admitted, depth)?;
            rank(&mut found, &ranked, 1.0, |found, score| found.words = Some(score));
        }
        let mut order: Vec<Scored> =
            found.iter().map(|(number, found)| Scored { score: found.score, number: *number }).collect();
        order.sort_by(|one, other| other.cmp(one));
        let mut hits = Vec::new();
        for Scored { number, score } in order.into_iter().take(query.top) {
            let (Some(item), Some(found)) = (self.item(number)?, found.remove(&number)) else { continue };
            hits.push(Hit { score, similarity: found.similarity, words: found.words, item });
        }
        Ok(hits)
    }
}

/// Adds a ranking.
fn rank(found: &mut BTreeMap<u32, Found>, ranked: &[Scored], weight: f32, set: impl Fn(&mut Found, f32)) {
    for (place, scored) in (1u16..).zip(ranked) {
        let it = found.entry(scored.number).or_default();
        it.score += weight / (RANK_OFFSET + f32::from(place));
        set(it, scored.score);
    }
}
