//! What is said without a pause.

use crate::models::transcript::{Segment, Word};

/// A pause this long between two words ends a phrase.
const PAUSE_SECONDS: f64 = 0.5;

/// The parts of a segment between pauses, with the times of their words; the segment itself if its words are not known.
pub(super) fn phrases(segment: &Segment) -> Vec<Segment> {
    let Some(words) = segment.words.as_deref().filter(|words| !words.is_empty()) else {
        return vec![segment.clone()];
    };
    let together = |before: &Word, after: &Word| after.start - before.end < PAUSE_SECONDS;
    let phrase = |words: &[Word]| {
        let text: String = words.iter().map(|word| word.word.as_str()).collect();
        let (start, end) = (words.first().map(|word| word.start), words.last().map(|word| word.end));
        Segment::new(start.unwrap_or(segment.start), end.unwrap_or(segment.end), text.trim())
    };
    words.chunk_by(together).map(phrase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_ends_a_phrase() {
        let mut segment = Segment::new(0.0, 9.0, "A cat. A dog");
        assert_eq!(phrases(&segment), [segment.clone()]);
        let words = [(" A", 1.0, 1.2), (" cat.", 1.3, 1.8), (" A", 6.0, 6.1), (" dog", 6.1, 6.5)];
        segment.words = Some(words.map(|(word, start, end)| Word::new(word, start, end, 1.0)).to_vec());
        let found = phrases(&segment);
        let found: Vec<_> = found.iter().map(|it| (it.start, it.end, it.text.as_str())).collect();
        assert_eq!(found, [(1.0, 1.8, "A cat."), (6.0, 6.5, "A dog")]);
    }
}
