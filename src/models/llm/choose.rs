//! The next token of an answer.

use crate::config::ReplyOptions;
use crate::models::chat::WrittenToken;
use crate::models::generation::{
    LogitsRule, MinP, Temperature, TopP, argmax, draw, largest_first, log_probability, max_and_log_sum,
};

/// Chooses tokens by the options of a request.
pub(super) struct Chooser {
    /// In the order in which transformers applies them.
    rules: Vec<Box<dyn LogitsRule>>,
    random: Option<fastrand::Rng>,
    alternatives: usize,
}

impl Chooser {
    pub fn new(options: &ReplyOptions) -> Self {
        let mut rules: Vec<Box<dyn LogitsRule>> = Vec::new();
        let sampled = options.temperature > 0.0;
        if sampled && options.temperature != 1.0 {
            rules.push(Box::new(Temperature(options.temperature)));
        }
        if sampled && options.top_p < 1.0 {
            rules.push(Box::new(TopP(options.top_p)));
        }
        if sampled && options.min_p > 0.0 {
            rules.push(Box::new(MinP(options.min_p)));
        }
        let random = sampled.then(|| fastrand::Rng::with_seed(options.seed));
        Chooser { rules, random, alternatives: options.alternatives }
    }

    /// Chooses a token by its logits.
    pub fn choose(&mut self, logits: &[f32]) -> WrittenToken {
        let chosen = match &mut self.random {
            None => argmax(logits),
            Some(random) => {
                let mut changed = logits.to_vec();
                self.rules.iter().for_each(|rule| rule.apply(&mut changed, &[]));
                draw(&changed, 1.0, random)
            }
        };
        let mut alternatives = Vec::new();
        if self.alternatives > 0 {
            let (max, log_sum) = max_and_log_sum(logits);
            let largest = largest_first(logits, self.alternatives);
            alternatives.extend(largest.into_iter().map(|(token, logit)| (token as i64, logit - max - log_sum)));
        }
        WrittenToken { id: chosen as i64, log_probability: log_probability(logits, chosen), alternatives }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(options: &ReplyOptions, logits: &[f32]) -> Vec<usize> {
        let mut counts = vec![0; logits.len()];
        let mut chooser = Chooser::new(options);
        (0..4_000).for_each(|_| counts[chooser.choose(logits).id as usize] += 1);
        counts
    }

    #[test]
    fn the_options_decide_what_is_chosen() {
        let logits: Vec<f32> = [0.5f32, 0.3, 0.15, 0.05].iter().map(|p| p.ln()).collect();
        assert_eq!(count(&ReplyOptions::default(), &logits), [4_000, 0, 0, 0]);
        let sampled = ReplyOptions { temperature: 1.0, seed: 3, ..ReplyOptions::default() };
        let counts = count(&sampled, &logits);
        assert!((1_900..2_100).contains(&counts[0]) && counts[3] > 100, "{counts:?}");
        assert_eq!(count(&sampled, &logits), counts);
        assert_ne!(count(&ReplyOptions { seed: 4, ..sampled.clone() }, &logits), counts);
        let nucleus = count(&ReplyOptions { top_p: 0.7, ..sampled.clone() }, &logits);
        assert!(nucleus[1] > 0 && nucleus[2] == 0, "{nucleus:?}");
        let near = count(&ReplyOptions { min_p: 0.2, ..sampled.clone() }, &logits);
        assert!(near[2] > 0 && near[3] == 0, "{near:?}");
        let cold = count(&ReplyOptions { temperature: 0.1, ..sampled }, &logits);
        assert!(cold[0] > 3_900, "{cold:?}");
    }

    #[test]
    fn log_probabilities_are_those_of_the_model() {
        let logits: Vec<f32> = [0.5f32, 0.3, 0.2].iter().map(|p| p.ln()).collect();
        let options = ReplyOptions { temperature: 0.1, alternatives: 2, ..ReplyOptions::default() };
        let token = Chooser::new(&options).choose(&logits);
        assert!((token.log_probability - logits[token.id as usize]).abs() < 1e-5);
        let alternatives: Vec<i64> = token.alternatives.iter().map(|(id, _)| *id).collect();
        assert_eq!(alternatives, [0, 1]);
        assert!((token.alternatives[1].1 - 0.3f32.ln()).abs() < 1e-5);
    }
}
