//! Repetition penalty.

use super::{LogitsRule, logit};

/// Divides the logit of every token of prompt and text by `penalty`, or multiplies it if it is negative (Keskar et al.
/// 2019, arXiv:1909.05858, section 4.1; transformers' `RepetitionPenaltyLogitsProcessor`).
pub struct RepetitionPenalty {
    /// Greater than 0; above 1 discourages repetition, below 1 encourages it.
    pub penalty: f32,
    /// The tokens fed before the first generated one, including the start token.
    pub prompt: Vec<i64>,
}

impl LogitsRule for RepetitionPenalty {
    fn apply(&self, logits: &mut [f32], generated: &[i64]) {
        let mut tokens: Vec<i64> = self.prompt.iter().chain(generated).copied().collect();
        // A token is penalised once, however often it occurred.
        tokens.sort_unstable();
        tokens.dedup();
        for token in tokens {
            if let Some(logit) = logit(logits, token) {
                *logit = if *logit < 0.0 { *logit * self.penalty } else { *logit / self.penalty };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn penalises_each_token_of_prompt_and_text_once() {
        // RepetitionPenaltyLogitsProcessor(1.5)(torch.tensor([[4, 1, 1, 2]]), torch.tensor([[1., 3., -2., 4., .5]]))
        let mut logits = [1.0, 3.0, -2.0, 4.0, 0.5];
        RepetitionPenalty { penalty: 1.5, prompt: vec![4] }.apply(&mut logits, &[1, 1, 2, 77]);
        assert_eq!(logits, [1.0, 2.0, -3.0, 4.0, 0.5 / 1.5]);
    }
}
