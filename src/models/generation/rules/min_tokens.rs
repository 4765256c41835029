//! Minimum number of tokens in a text.

use super::{LogitsRule, forbid};

/// Forbids the end token before `count` tokens are generated (transformers' `MinNewTokensLengthLogitsProcessor`).
pub struct MinTokens {
    /// Number of tokens, without the prompt and the end token.
    pub count: usize,
    /// The tokens that end a text.
    pub ends: Vec<i64>,
}

impl LogitsRule for MinTokens {
    fn apply(&self, logits: &mut [f32], generated: &[i64]) {
        if generated.len() < self.count {
            forbid(logits, &self.ends);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_may_come_when_there_is_enough() {
        // MinNewTokensLengthLogitsProcessor(1, 2, 1): the end is forbidden after 1 and 2 tokens, allowed after 3.
        let rule = MinTokens { count: 2, ends: vec![1] };
        for (generated, end) in [(&[][..], f32::NEG_INFINITY), (&[0], f32::NEG_INFINITY), (&[0, 0], 7.0)] {
            let mut logits = [5.0, 7.0];
            rule.apply(&mut logits, generated);
            assert_eq!(logits, [5.0, end]);
        }
    }
}
