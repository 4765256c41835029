//! Only the most probable tokens.

use super::LogitsRule;

/// Forbids tokens less probable than the `k`-th, `k` at least 1; ties with it stay (Fan et al. 2018,
/// arXiv:1805.04833, section 5.1; transformers' `TopKLogitsWarper`).
pub struct TopK(pub usize);

impl LogitsRule for TopK {
    fn apply(&self, logits: &mut [f32], _: &[i64]) {
        let Some(last) = self.0.max(1).checked_sub(1).filter(|&last| last < logits.len()) else { return };
        let mut ordered = logits.to_vec();
        let (_, &mut least, _) = ordered.select_nth_unstable_by(last, |a, b| b.total_cmp(a));
        logits.iter_mut().filter(|logit| **logit < least).for_each(|logit| *logit = f32::NEG_INFINITY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORBIDDEN: f32 = f32::NEG_INFINITY;

    #[test]
    fn keeps_the_k_most_probable_and_their_equals() {
        // TopKLogitsWarper(K)(None, torch.tensor([[1., 4., 2., 2., 3.]]))
        for (k, expected) in [
            (1, [FORBIDDEN, 4.0, FORBIDDEN, FORBIDDEN, FORBIDDEN]),
            (3, [FORBIDDEN, 4.0, 2.0, 2.0, 3.0]),
            (9, [1.0, 4.0, 2.0, 2.0, 3.0]),
        ] {
            let mut logits = [1.0, 4.0, 2.0, 2.0, 3.0];
            TopK(k).apply(&mut logits, &[]);
            assert_eq!(logits, expected, "{k}");
        }
    }
}
