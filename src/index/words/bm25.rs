//! BM25 (Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009), with the constants and the
//! always positive inverse document frequency of Lucene.

use super::postings::Posting;

/// Saturation of repeated words.
const K1: f32 = 1.2;

/// Influence of a text's length.
const B: f32 = 0.75;

/// Sizes of all texts of an index.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Statistics {
    /// Number of texts.
    pub texts: u64,
    /// Number of their words.
    pub words: u64,
}

/// A word of a query.
pub(in super::super) struct Term {
    /// The items that contain it.
    pub postings: Vec<Posting>,
}

/// Adds the word's score to that of each item that contains it; `words` is the number of words of an item's text.
pub(in super::super) fn add_scores(term: &Term, all: Statistics, words: impl Fn(u32) -> u32, scores: &mut [f32]) {
    let (texts, containing) = (all.texts as f32, term.postings.len() as f32);
    let weight = (1.0 + (texts - containing + 0.5).max(0.0) / (containing + 0.5)).ln();
    let mean = (all.words as f32 / texts.max(1.0)).max(1.0);
    for posting in &term.postings {
        let Some(score) = scores.get_mut(posting.item as usize) else { continue };
        let (count, length) = (posting.count as f32, words(posting.item) as f32);
        *score += weight * count * (K1 + 1.0) / (count + K1 * (1.0 - B + B * length / mean));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_the_formula() {
        let term = Term { postings: vec![Posting { item: 1, count: 2 }, Posting { item: 9, count: 1 }] };
        let mut scores = [0.0; 3];
        add_scores(&term, Statistics { texts: 4, words: 20 }, |_| 10, &mut scores);
        // ln(1 + (4 - 2 + 0.5) / 2.5) * 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 2))
        assert!((scores[1] - 0.743_866).abs() < 1e-5, "{scores:?}");
        assert_eq!((scores[0], scores[2]), (0.0, 0.0));
    }
}
