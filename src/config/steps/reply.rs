//! Options of a language model's answer.

use serde::Deserialize;

use super::form::Form;

/// How a language model writes an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplyOptions {
    /// Maximum number of tokens; the model's own default if `None`.
    pub max_tokens: Option<usize>,
    /// 0 chooses the most probable token; above 0, tokens are sampled, more randomly the higher it is.
    pub temperature: f32,
    /// Samples from the most probable tokens that together reach this probability. 1 is off.
    pub top_p: f32,
    /// Samples from tokens that are at least this many times as probable as the most probable one. 0 is off.
    pub min_p: f32,
    /// Random seed at a temperature above 0: the same seed produces the same text.
    pub seed: u64,
    /// Texts that end an answer; they are not part of it.
    pub stop: Vec<String>,
    /// What to do with a prompt that is too long.
    pub truncate: Truncate,
    /// How many of the most probable tokens are listed for each token of the answer.
    pub alternatives: usize,
    /// The form that the answer must have.
    pub form: Option<Form>,
}

impl Default for ReplyOptions {
    fn default() -> Self {
        ReplyOptions {
            max_tokens: None,
            temperature: 0.0,
            top_p: 1.0,
            min_p: 0.0,
            seed: 0,
            stop: Vec::new(),
            truncate: Truncate::Error,
            alternatives: 0,
            form: None,
        }
    }
}

/// What to do with a prompt that is longer than the model's context.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Truncate {
    /// It is an error.
    #[default]
    Error,
    /// The middle of the longest message is left out.
    Middle,
}

impl ReplyOptions {
    /// Maximum number of texts in `stop`.
    pub const MOST_STOPS: usize = 16;

    /// Checks the values.
    ///
    /// # Errors
    /// The invalid option, and what it accepts.
    pub fn check(&self) -> Result<(), String> {
        if self.max_tokens == Some(0) {
            return Err("max_tokens: must be at least 1".to_string());
        }
        if !(0.0..=10.0).contains(&self.temperature) {
            return Err(format!("temperature: {} is not within 0 to 10", self.temperature));
        }
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            return Err(format!("top_p: {} is not above 0 and at most 1", self.top_p));
        }
        if !(0.0..=1.0).contains(&self.min_p) {
            return Err(format!("min_p: {} is not within 0 to 1", self.min_p));
        }
        if self.stop.len() > Self::MOST_STOPS {
            return Err(format!("stop: {} texts are more than {}", self.stop.len(), Self::MOST_STOPS));
        }
        if self.stop.iter().any(String::is_empty) {
            return Err("stop: a text is empty".to_string());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_option_that_is_out_of_range() {
        let check = |change: fn(&mut ReplyOptions)| {
            let mut options = ReplyOptions::default();
            change(&mut options);
            options.check()
        };
        assert_eq!(check(|_| ()), Ok(()));
        for (change, expected) in [
            ((|it| it.max_tokens = Some(0)) as fn(&mut ReplyOptions), "max_tokens: must be at least 1"),
            (|it| it.temperature = f32::NAN, "temperature: NaN is not within 0 to 10"),
            (|it| it.top_p = 0.0, "top_p: 0 is not above 0"),
            (|it| it.min_p = 1.5, "min_p: 1.5 is not within 0 to 1"),
            (|it| it.stop = vec![String::new()], "stop: a text is empty"),
            (|it| it.stop = vec!["x".to_string(); 17], "stop: 17 texts are more than 16"),
        ] {
            let error = check(change).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
