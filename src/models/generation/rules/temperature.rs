//! Sampling temperature.

use super::LogitsRule;

/// Divides every logit: values below 1 sharpen the distribution, values above 1 flatten it (transformers'
/// `TemperatureLogitsWarper`). Greater than 0.
pub struct Temperature(pub f32);

impl LogitsRule for Temperature {
    fn apply(&self, logits: &mut [f32], _: &[i64]) {
        logits.iter_mut().for_each(|logit| *logit /= self.0);
    }
}
