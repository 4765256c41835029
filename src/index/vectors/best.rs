//! The best of many scores.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

/// A number with its score. Of equal scores, the smaller number is better, so that results do not depend on threads.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in super::super) struct Scored {
    pub score: f32,
    pub number: u32,
}

impl Eq for Scored {}

impl Ord for Scored {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.total_cmp(&other.score).then(other.number.cmp(&self.number))
    }
}

impl PartialOrd for Scored {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Keeps the best `most`.
pub(in super::super) struct Best {
    most: usize,
    heap: BinaryHeap<Reverse<Scored>>,
}

impl Best {
    pub fn new(most: usize) -> Self {
        Best { most, heap: BinaryHeap::new() }
    }

    /// The score that a further one must exceed, once there are enough.
    pub fn threshold(&self) -> f32 {
        match self.heap.peek() {
            Some(Reverse(worst)) if self.heap.len() >= self.most => worst.score,
            _ => f32::NEG_INFINITY,
        }
    }

    pub fn push(&mut self, scored: Scored) {
        if self.heap.len() < self.most {
            self.heap.push(Reverse(scored));
        } else if let Some(mut worst) = self.heap.peek_mut()
            && scored > worst.0
        {
            *worst = Reverse(scored);
        }
    }

    /// Best first.
    pub fn into_sorted(self) -> Vec<Scored> {
        self.heap.into_sorted_vec().into_iter().map(|Reverse(scored)| scored).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_best_in_order() {
        let scores = [0.3, 0.9, -1.0, 0.9, 0.5, f32::NEG_INFINITY];
        let mut best = Best::new(3);
        assert_eq!(best.threshold(), f32::NEG_INFINITY);
        scores.iter().zip(0..).for_each(|(&score, number)| best.push(Scored { score, number }));
        assert_eq!(best.threshold(), 0.5);
        let numbers: Vec<u32> = best.into_sorted().iter().map(|it| it.number).collect();
        assert_eq!(numbers, [1, 3, 4]);
        let mut none = Best::new(0);
        none.push(Scored { score: 1.0, number: 0 });
        assert!(none.into_sorted().is_empty());
    }
}
