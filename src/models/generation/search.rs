//! Requests and results of a search, and the choice of the best of several texts.

use super::rules::LogitsRule;

/// What every search is asked.
pub struct Search<'a> {
    /// Applied to every step's logits, in order.
    pub rules: &'a [&'a dyn LogitsRule],
    /// The tokens that end a text; at least one.
    pub ends: &'a [i64],
    /// Most tokens of a text.
    pub limit: usize,
    /// The kind of probability in [`Generated::log_probability`].
    pub probability: Probability,
}

impl Search<'_> {
    /// Whether probabilities are of logits that the rules change.
    pub(super) fn wants_unchanged(&self) -> bool {
        self.probability == Probability::OfModel && !self.rules.is_empty()
    }
}

/// Which probability of a token counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probability {
    /// That which the rules left it, as in openai-whisper.
    AfterRules,
    /// That which the model gave it, whatever the rules: comparable between searches.
    OfModel,
}

/// What a search wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct Generated {
    /// The tokens, without prompt and without the end token.
    pub tokens: Vec<i64>,
    /// Sum of the log-probabilities (natural logarithm) of the tokens, with that of the end token where it came.
    pub log_probability: f32,
    /// What the search compared texts by, where that is another number.
    pub score: Option<f32>,
    /// Whether the end token came; otherwise the limit was reached.
    pub ended: bool,
}

impl Generated {
    pub(super) const EMPTY: Self = Generated { tokens: Vec::new(), log_probability: 0.0, score: None, ended: false };

    /// Log-probability a token, the end token counted, as openai-whisper's `avg_logprob`.
    pub fn average_log_probability(&self) -> f32 {
        self.log_probability / (self.tokens.len() + 1) as f32
    }

    /// Log-probability over `length ^ penalty`, the end token counted where it came: what transformers' beam search
    /// compares texts by.
    pub fn length_normalised(&self, penalty: f32) -> f32 {
        let length = (self.tokens.len() + usize::from(self.ended)).max(1);
        length_normalised(self.log_probability, length, penalty)
    }

    /// Log-probability over length; with a penalty alpha over `((5 + length) / 6) ^ alpha` (Wu et al. 2016,
    /// arXiv:1609.08144, equation 14). The length counts no end token, as in openai-whisper.
    fn likelihood(&self, length_penalty: Option<f32>) -> f32 {
        let length = self.tokens.len().max(1) as f32;
        self.log_probability / length_penalty.map_or(length, |alpha| ((5.0 + length) / 6.0).powf(alpha))
    }
}

/// `sum / length ^ penalty`.
pub(super) fn length_normalised(sum: f32, length: usize, penalty: f32) -> f32 {
    // The power as Python takes it, in double precision; the quotient in single precision, as PyTorch.
    sum / (length as f64).powf(f64::from(penalty)) as f32
}

/// The best of several texts about the same window (openai-whisper, `MaximumLikelihoodRanker`); nothing of none.
pub fn best(candidates: Vec<Generated>, length_penalty: Option<f32>) -> Generated {
    let mut candidates = candidates.into_iter();
    let Some(mut best) = candidates.next() else { return Generated::EMPTY };
    for candidate in candidates {
        if candidate.likelihood(length_penalty) > best.likelihood(length_penalty) {
            best = candidate;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(length: usize, log_probability: f32) -> Generated {
        Generated { tokens: vec![7; length], log_probability, score: None, ended: true }
    }

    #[test]
    fn a_length_penalty_of_nothing_is_the_length() {
        let (short, long) = (text(2, -1.0), text(10, -4.0));
        assert_eq!(best(vec![short.clone(), long.clone()], None), long);
        // (7 / 6)^0.1 and (15 / 6)^0.1 hardly differ: the likelier text wins.
        assert_eq!(best(vec![short.clone(), long], Some(0.1)), short);
    }

    #[test]
    fn an_empty_text_is_no_division_by_zero() {
        assert_eq!(best(vec![text(0, -0.5), text(3, -9.0)], None), text(0, -0.5));
        assert_eq!(best(Vec::new(), None), Generated::EMPTY);
    }
}
