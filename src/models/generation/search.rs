//! Requests and results of a search, and the choice of the best text.

use super::rules::LogitsRule;

/// Arguments of every search.
pub struct Search<'a> {
    /// Applied to every step's logits, in order.
    pub rules: &'a [&'a dyn LogitsRule],
    /// The tokens that end a text; at least one.
    pub ends: &'a [i64],
    /// Maximum number of tokens in a text.
    pub limit: usize,
    /// The kind of probability in [`Generated::log_probability`].
    pub probability: Probability,
}

impl Search<'_> {
    /// Whether the caller needs probabilities of the logits before the rules.
    pub(super) fn wants_unchanged(&self) -> bool {
        self.probability == Probability::OfModel && !self.rules.is_empty()
    }
}

/// Which probability of a token counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probability {
    /// The probability after the rules, as in openai-whisper.
    AfterRules,
    /// The probability before the rules, which is comparable between searches.
    OfModel,
}

/// A generated text.
#[derive(Debug, Clone, PartialEq)]
pub struct Generated {
    /// The tokens, without the prompt and the end token.
    pub tokens: Vec<i64>,
    /// Sum of the log-probabilities (natural logarithm) of the tokens, including the end token if it was generated.
    pub log_probability: f32,
    /// The log-probability of each of the tokens.
    pub log_probabilities: Vec<f32>,
    /// The score that the search compared texts by, if it differs from the log-probability.
    pub score: Option<f32>,
    /// Whether the text ended with the end token; otherwise it reached the limit.
    pub ended: bool,
}

impl Generated {
    pub(super) const EMPTY: Self = Generated {
        tokens: Vec::new(),
        log_probability: 0.0,
        log_probabilities: Vec::new(),
        score: None,
        ended: false,
    };

    /// Mean log-probability per token, including the end token, as openai-whisper's `avg_logprob`.
    pub fn average_log_probability(&self) -> f32 {
        self.log_probability / (self.tokens.len() + 1) as f32
    }

    /// Log-probability over `length ^ penalty`, counting the end token if it was generated: what transformers' beam
    /// search compares texts by.
    pub fn length_normalised(&self, penalty: f32) -> f32 {
        let length = (self.tokens.len() + usize::from(self.ended)).max(1);
        length_normalised(self.log_probability, length, penalty)
    }

    /// Log-probability over length; with a penalty alpha over `((5 + length) / 6) ^ alpha` (Wu et al. 2016,
    /// arXiv:1609.08144, equation 14). The length excludes the end token, as in openai-whisper.
    fn likelihood(&self, length_penalty: Option<f32>) -> f32 {
        let length = self.tokens.len().max(1) as f32;
        self.log_probability / length_penalty.map_or(length, |alpha| ((5.0 + length) / 6.0).powf(alpha))
    }
}

/// `sum / length ^ penalty`.
pub(super) fn length_normalised(sum: f32, length: usize, penalty: f32) -> f32 {
    // The power in double precision, as in Python; the quotient in single precision, as in PyTorch.
    sum / (length as f64).powf(f64::from(penalty)) as f32
}

/// The best text of a window (openai-whisper, `MaximumLikelihoodRanker`); `None` if there is no text.
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
        Generated { tokens: vec![7; length], log_probability, ended: true, ..Generated::EMPTY }
    }

    #[test]
    fn a_length_penalty_of_nothing_is_the_length() {
        let (short, long) = (text(2, -1.0), text(10, -4.0));
        assert_eq!(best(vec![short.clone(), long.clone()], None), long);
        // (7 / 6)^0.1 and (15 / 6)^0.1 hardly differ: the likelier text wins.
        assert_eq!(best(vec![short.clone(), long], Some(0.1)), short);
    }

    #[test]
    fn an_empty_text_does_not_divide_by_zero() {
        assert_eq!(best(vec![text(0, -0.5), text(3, -9.0)], None), text(0, -0.5));
        assert_eq!(best(Vec::new(), None), Generated::EMPTY);
    }
}
