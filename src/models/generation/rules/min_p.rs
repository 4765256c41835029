//! Sampling from tokens that are not far less probable than the most probable one.

use super::LogitsRule;

/// Forbids tokens less probable than `p` times the most probable one (transformers' `MinPLogitsWarper`). `p` is in
/// [0, 1].
pub struct MinP(pub f32);

impl LogitsRule for MinP {
    fn apply(&self, logits: &mut [f32], _: &[i64]) {
        let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let least = max + self.0.ln();
        logits.iter_mut().filter(|logit| **logit < least).for_each(|logit| *logit = f32::NEG_INFINITY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_is_near_the_most_probable() {
        // MinPLogitsWarper(0.5)(None, torch.tensor([[.1, .4, .05, .25, .2]]).log())
        let mut logits: Vec<f32> = [0.1f32, 0.4, 0.05, 0.25, 0.19].iter().map(|p| p.ln()).collect();
        MinP(0.5).apply(&mut logits, &[]);
        let kept: Vec<usize> = (0..5).filter(|&token| logits[token] > f32::NEG_INFINITY).collect();
        assert_eq!(kept, [1, 3]);
        let before = logits.clone();
        MinP(0.0).apply(&mut logits, &[]);
        assert_eq!(logits, before);
    }
}
