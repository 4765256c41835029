//! How well each sentence fits each moment of a film.

use std::collections::BTreeSet;

use crate::index::words;
use crate::models::transcript::Segment;

/// Scores of all sentences at all moments, in rows of one sentence.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scores {
    pub moments: usize,
    pub numbers: Vec<f32>,
}

impl Scores {
    pub fn zero(sentences: usize, moments: usize) -> Self {
        Scores { moments, numbers: vec![0.0; sentences * moments] }
    }

    pub fn row(&self, sentence: usize) -> &[f32] {
        &self.numbers[sentence * self.moments..(sentence + 1) * self.moments]
    }

    /// Removes what depends on the sentence or the moment alone, such as a sentence that is similar to every picture, and scales
    /// the rest to a standard deviation of 1. Scores that are all the same become 0.
    pub fn standardise(&mut self) {
        let (moments, count) = (self.moments, self.numbers.len() / self.moments.max(1));
        if self.numbers.is_empty() {
            return;
        }
        for row in self.numbers.chunks_mut(moments) {
            let mean = row.iter().sum::<f32>() / moments as f32;
            row.iter_mut().for_each(|score| *score -= mean);
        }
        // With one sentence nothing would be left.
        if count > 1 {
            for moment in 0..moments {
                let column = (0..count).map(|row| row * moments + moment);
                let mean = column.clone().map(|at| self.numbers[at]).sum::<f32>() / count as f32;
                column.for_each(|at| self.numbers[at] -= mean);
            }
        }
        let square = self.numbers.iter().map(|score| score * score).sum::<f32>() / self.numbers.len() as f32;
        let deviation = square.sqrt();
        // Below this is rounding.
        let scale = if deviation > 1e-6 { 1.0 / deviation } else { 0.0 };
        self.numbers.iter_mut().for_each(|score| *score *= scale);
    }

    /// Adds `weight` times the scores of `other`.
    pub fn add(&mut self, other: &Scores, weight: f32) {
        self.numbers.iter_mut().zip(&other.numbers).for_each(|(score, other)| *score += weight * other);
    }
}

/// Which share of their words a sentence and what is said have in common, for each segment: the F1 score.
pub(super) fn spoken(sentences: &[String], segments: &[Segment]) -> Vec<Vec<f32>> {
    let bag = |text: &str| words(text).into_iter().collect::<BTreeSet<_>>();
    let said: Vec<_> = segments.iter().map(|segment| bag(&segment.text)).collect();
    let row = |sentence: &String| {
        let sentence = bag(sentence);
        let common = |said: &BTreeSet<String>| {
            let both = sentence.intersection(said).count() as f32;
            2.0 * both / (sentence.len() + said.len()).max(1) as f32
        };
        said.iter().map(common).collect()
    };
    sentences.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_depends_on_one_side_only_is_removed() {
        let mut scores = Scores { moments: 2, numbers: vec![0.9, 0.5, 0.3, 0.3] };
        scores.standardise();
        assert_eq!(scores.numbers.iter().map(|it| it.round()).collect::<Vec<_>>(), [1.0, -1.0, -1.0, 1.0]);
        let mut same = Scores { moments: 2, numbers: vec![0.4; 4] };
        same.standardise();
        assert_eq!(same.numbers, [0.0; 4]);
        let mut one = Scores { moments: 3, numbers: vec![0.1, 0.4, 0.1] };
        one.standardise();
        assert!(one.numbers[1] > 1.0 && one.numbers[0] < 0.0);
    }

    #[test]
    fn common_words_count() {
        let said = [Segment::new(0.0, 1.0, "The bird sings."), Segment::new(1.0, 2.0, "Nothing")];
        let scores = spoken(&["A bird sings".to_string()], &said);
        assert_eq!(scores, [[2.0 / 3.0, 0.0]]);
    }
}
