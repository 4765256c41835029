//! No n-gram occurs twice.

use super::{LogitsRule, forbid};

/// Forbids every token that would complete an n-gram of `size` tokens that occurred before (Paulus et al. 2017,
/// arXiv:1705.04304, section 2.5; transformers' `NoRepeatNGramLogitsProcessor`).
pub struct NoRepeatNgram {
    /// Length of the n-gram in tokens, at least 1.
    pub size: usize,
    /// The tokens fed before the first generated one, including the start token.
    pub prompt: Vec<i64>,
}

impl LogitsRule for NoRepeatNgram {
    fn apply(&self, logits: &mut [f32], generated: &[i64]) {
        let tokens: Vec<i64> = self.prompt.iter().chain(generated).copied().collect();
        let (Some(before), Some(start)) = (self.size.checked_sub(1), (tokens.len() + 1).checked_sub(self.size)) else {
            return;
        };
        let last = &tokens[start..];
        let repeats = tokens.windows(self.size).filter(|run| &run[..before] == last);
        let forbidden: Vec<i64> = repeats.map(|run| run[before]).collect();
        forbid(logits, &forbidden);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forbidden(size: usize, prompt: &[i64], generated: &[i64]) -> Vec<usize> {
        let mut logits = [0.0; 6];
        NoRepeatNgram { size, prompt: prompt.to_vec() }.apply(&mut logits, generated);
        (0..6).filter(|&token| logits[token] == f32::NEG_INFINITY).collect()
    }

    #[test]
    fn forbids_what_would_end_a_run_that_was_there() {
        // NoRepeatNGramLogitsProcessor(SIZE)(torch.tensor([[5, 1, 2, 3, 1, 2]]), torch.zeros(1, 6))
        assert_eq!(forbidden(3, &[5], &[1, 2, 3, 1, 2]), [3]);
        assert_eq!(forbidden(2, &[5, 1], &[2, 3, 1, 2]), [3]);
        assert_eq!(forbidden(1, &[5], &[1, 2, 3, 1, 2]), [1, 2, 3, 5]);
        assert_eq!(forbidden(2, &[], &[1, 2, 1, 3, 1]), [2, 3]);
        assert!(forbidden(3, &[5], &[1]).is_empty() && forbidden(4, &[5], &[1]).is_empty());
    }
}
