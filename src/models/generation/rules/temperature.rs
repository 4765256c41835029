//! Flatter or steeper probabilities.

use super::LogitsRule;

/// Divides every logit: below 1 the probable tokens come more often, above 1 less often (transformers'
/// `TemperatureLogitsWarper`). Above 0.
pub struct Temperature(pub f32);

impl LogitsRule for Temperature {
    fn apply(&self, logits: &mut [f32], _: &[i64]) {
        logits.iter_mut().for_each(|logit| *logit /= self.0);
    }
}
