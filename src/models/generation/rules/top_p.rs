//! Nucleus sampling.

use super::LogitsRule;
use crate::models::generation::logits::max_and_log_sum;

/// Tokens are sorted this many at a time: usually the first few hold the probability mass.
const FIRST: usize = 64;

/// Keeps the most probable tokens with a total probability of at least `p`, and at least one; forbids the others
/// (Holtzman et al. 2019, arXiv:1904.09751; transformers' `TopPLogitsWarper`). `p` is in [0, 1].
pub struct TopP(pub f32);

impl LogitsRule for TopP {
    fn apply(&self, logits: &mut [f32], _: &[i64]) {
        let (max, log_sum) = max_and_log_sum(logits);
        let possible = logits.iter().enumerate().filter(|(_, logit)| **logit > f32::NEG_INFINITY);
        let mut order: Vec<(f32, usize)> = possible.map(|(token, &logit)| (logit, token)).collect();
        let greatest_first = |a: &(f32, usize), b: &(f32, usize)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        let (mut kept, mut ordered, mut mass) = (0, 0, 0.0f64);
        while kept < order.len() && (kept == 0 || mass < f64::from(self.0)) {
            if kept == ordered {
                let rest = &mut order[ordered..];
                let count = (ordered * 3).max(FIRST).min(rest.len());
                if count < rest.len() {
                    rest.select_nth_unstable_by(count - 1, greatest_first);
                }
                rest[..count].sort_unstable_by(greatest_first);
                ordered += count;
            }
            mass += f64::from(order[kept].0 - max - log_sum).exp();
            kept += 1;
        }
        order[kept..].iter().for_each(|&(_, token)| logits[token] = f32::NEG_INFINITY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(p: f32, probabilities: &[f32]) -> Vec<usize> {
        let mut logits: Vec<f32> = probabilities.iter().map(|p| p.ln()).collect();
        TopP(p).apply(&mut logits, &[]);
        (0..logits.len()).filter(|&token| logits[token] > f32::NEG_INFINITY).collect()
    }

    #[test]
    fn keeps_the_tokens_that_make_up_the_mass() {
        // TopPLogitsWarper(P)(None, torch.tensor([[.1, .4, .05, .25, .2]]).log())
        let probabilities = [0.1, 0.4, 0.05, 0.25, 0.2];
        assert_eq!(kept(0.3, &probabilities), [1]);
        assert_eq!(kept(0.5, &probabilities), [1, 3]);
        assert_eq!(kept(0.9, &probabilities), [0, 1, 3, 4]);
        assert_eq!(kept(0.0, &probabilities), [1]);
        assert_eq!(kept(1.0, &probabilities).len(), 5);
        assert_eq!(kept(0.9, &[0.0, 0.5, 0.5]), [1, 2]);
    }

    #[test]
    fn a_flat_vocabulary_is_ordered_piece_by_piece() {
        let flat = vec![1.0 / 1000.0; 1000];
        assert_eq!(kept(0.4995, &flat), (0..500).collect::<Vec<_>>());
    }
}
