//! Suppressed tokens.

use super::{LogitsRule, forbid};

/// Tokens that are never generated.
pub struct Suppress(pub Vec<i64>);

/// Tokens that are never generated first.
pub struct SuppressFirst(pub Vec<i64>);

impl LogitsRule for Suppress {
    fn apply(&self, logits: &mut [f32], _: &[i64]) {
        forbid(logits, &self.0);
    }
}

impl LogitsRule for SuppressFirst {
    fn apply(&self, logits: &mut [f32], generated: &[i64]) {
        if generated.is_empty() {
            forbid(logits, &self.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suppression_acts_where_it_should() {
        let mut logits = [1.0, 2.0, 3.0];
        Suppress(vec![2, 99, -1]).apply(&mut logits, &[5]);
        assert_eq!(logits, [1.0, 2.0, f32::NEG_INFINITY]);
        SuppressFirst(vec![0]).apply(&mut logits, &[5]);
        assert_eq!(logits[0], 1.0);
        SuppressFirst(vec![0]).apply(&mut logits, &[]);
        assert_eq!(logits[0], f32::NEG_INFINITY);
    }
}
