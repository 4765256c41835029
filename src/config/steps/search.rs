//! Search options that `caption` and `ask` share.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

/// Limit; more beams than the memory of any board allows.
pub(super) const MOST_BEAMS: usize = 64;

/// Search options. Names and defaults are those of transformers' `generate` if it has the option.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SearchOptions {
    /// Maximum number of new tokens; the model's own default if `None`.
    pub max_tokens: Option<usize>,
    /// Minimum number of new tokens before the text may end.
    pub min_tokens: usize,
    /// Beam width; 1 is greedy search.
    pub beams: usize,
    /// Beam search ranks texts by log-probability over `length ^ length_penalty`.
    pub length_penalty: f32,
    /// When beam search stops.
    pub early_stopping: StopEarly,
    /// Penalises the logits of tokens that already occurred: above 1 discourages repetition. 1 is off.
    pub repetition_penalty: f32,
    /// No n-gram of this many tokens occurs twice. 0 is off.
    pub no_repeat_ngram_size: usize,
    /// 0 chooses the most probable token; above 0, tokens are sampled, more randomly the higher it is.
    pub temperature: f32,
    /// Samples from this many of the most probable tokens. 0 is off.
    pub top_k: usize,
    /// Samples from the most probable tokens that together reach this probability. 1 is off.
    pub top_p: f32,
    /// Random seed at a temperature above 0: the same seed produces the same text.
    pub seed: u64,
}

impl Default for SearchOptions {
    fn default() -> Self {
        SearchOptions {
            max_tokens: None,
            min_tokens: 0,
            beams: 1,
            length_penalty: 1.0,
            early_stopping: StopEarly::No,
            repetition_penalty: 1.0,
            no_repeat_ngram_size: 0,
            temperature: 0.0,
            top_k: 50,
            top_p: 1.0,
            seed: 0,
        }
    }
}

impl SearchOptions {
    /// Checks the values.
    ///
    /// # Errors
    /// The invalid option, and what it accepts.
    pub fn check(&self) -> Result<(), String> {
        if self.max_tokens == Some(0) {
            return Err("max_tokens: must be at least 1".to_string());
        }
        if let Some(most) = self.max_tokens.filter(|&most| self.min_tokens > most) {
            return Err(format!("min_tokens: {} is more than max_tokens, {most}", self.min_tokens));
        }
        if !(1..=MOST_BEAMS).contains(&self.beams) {
            return Err(format!("beams: {} is not within 1 to {MOST_BEAMS}", self.beams));
        }
        if !(-10.0..=10.0).contains(&self.length_penalty) {
            return Err(format!("length_penalty: {} is not within -10 to 10", self.length_penalty));
        }
        if !(self.repetition_penalty > 0.0 && self.repetition_penalty <= 100.0) {
            return Err(format!("repetition_penalty: {} is not above 0 and at most 100", self.repetition_penalty));
        }
        if !(0.0..=10.0).contains(&self.temperature) {
            return Err(format!("temperature: {} is not within 0 to 10", self.temperature));
        }
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            return Err(format!("top_p: {} is not above 0 and at most 1", self.top_p));
        }
        if self.temperature > 0.0 && self.beams > 1 {
            return Err("temperature: is for sampling; leave it out with `beams`".to_string());
        }
        if self.temperature == 0.0 && (self.top_p < 1.0 || self.top_k != Self::default().top_k) {
            return Err("top_k, top_p: are for sampling; set a `temperature`, such as 1".to_string());
        }
        Ok(())
    }
}

/// When beam search stops before `max_tokens` (`early_stopping` of transformers).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StopEarly {
    /// `false`: when no unfinished text would beat the finished ones if it ended now.
    #[default]
    No,
    /// `true`: when as many texts have ended as there are beams.
    Yes,
    /// `never`: when no unfinished text can still beat the finished ones.
    Never,
}

impl<'de> Deserialize<'de> for StopEarly {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BoolOrNever;

        impl Visitor<'_> for BoolOrNever {
            type Value = StopEarly;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("true, false or never")
            }

            fn visit_bool<E>(self, on: bool) -> Result<StopEarly, E> {
                Ok(if on { StopEarly::Yes } else { StopEarly::No })
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<StopEarly, E> {
                match text {
                    "never" => Ok(StopEarly::Never),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
                }
            }
        }

        deserializer.deserialize_any(BoolOrNever)
    }
}

/// The options of a step as written: those of [`SearchOptions`] and the step's own, side by side in one mapping.
///
/// Written out for each step because serde's `flatten` loses unknown-key errors and their positions.
macro_rules! with_search_options {
    ($raw:ident { $($key:ident: $type:ty),* $(,)? }) => {
        #[derive(Default, serde::Deserialize)]
        #[serde(deny_unknown_fields, default)]
        struct $raw {
            $($key: $type,)*
            max_tokens: Option<usize>,
            min_tokens: Option<usize>,
            beams: Option<usize>,
            length_penalty: Option<f32>,
            early_stopping: Option<$crate::config::StopEarly>,
            repetition_penalty: Option<f32>,
            no_repeat_ngram_size: Option<usize>,
            temperature: Option<f32>,
            top_k: Option<usize>,
            top_p: Option<f32>,
            seed: Option<u64>,
        }

        impl $raw {
            fn search(&self) -> $crate::config::SearchOptions {
                let default = $crate::config::SearchOptions::default();
                $crate::config::SearchOptions {
                    max_tokens: self.max_tokens,
                    min_tokens: self.min_tokens.unwrap_or(default.min_tokens),
                    beams: self.beams.unwrap_or(default.beams),
                    length_penalty: self.length_penalty.unwrap_or(default.length_penalty),
                    early_stopping: self.early_stopping.unwrap_or(default.early_stopping),
                    repetition_penalty: self.repetition_penalty.unwrap_or(default.repetition_penalty),
                    no_repeat_ngram_size: self.no_repeat_ngram_size.unwrap_or(default.no_repeat_ngram_size),
                    temperature: self.temperature.unwrap_or(default.temperature),
                    top_k: self.top_k.unwrap_or(default.top_k),
                    top_p: self.top_p.unwrap_or(default.top_p),
                    seed: self.seed.unwrap_or(default.seed),
                }
            }
        }
    };
}
pub(super) use with_search_options;

#[cfg(test)]
mod tests {
    use super::*;

    with_search_options!(RawNothing {});

    fn read(text: &str) -> Result<SearchOptions, String> {
        let options = serde_yaml::from_str::<RawNothing>(text).map_err(|error| error.to_string())?.search();
        options.check().map(|()| options)
    }

    #[test]
    fn reads_what_is_given_and_leaves_the_rest() {
        assert_eq!(read("{}").unwrap(), SearchOptions::default());
        let options = read("beams: 3\nearly_stopping: never\nmax_tokens: 9\n").unwrap();
        assert_eq!((options.beams, options.early_stopping, options.max_tokens), (3, StopEarly::Never, Some(9)));
        assert_eq!(read("early_stopping: true").unwrap().early_stopping, StopEarly::Yes);
        assert_eq!(read("{temperature: 0.7, top_k: 0, top_p: 0.9, seed: 7}").unwrap().top_k, 0);
    }

    #[test]
    fn names_the_option_that_is_out_of_range() {
        for (text, expected) in [
            ("max_tokens: 0", "max_tokens: must be at least 1"),
            ("{max_tokens: 3, min_tokens: 4}", "min_tokens: 4 is more than max_tokens, 3"),
            ("beams: 0", "beams: 0 is not within 1 to 64"),
            ("length_penalty: .nan", "length_penalty: NaN is not within -10 to 10"),
            ("repetition_penalty: 0", "repetition_penalty: 0 is not above 0"),
            ("temperature: -1", "temperature: -1 is not within 0 to 10"),
            ("{temperature: 1, beams: 2}", "leave it out with `beams`"),
            ("top_p: 0.5", "set a `temperature`"),
            ("{temperature: 1, top_p: 0}", "top_p: 0 is not above 0"),
            ("early_stopping: soon", "expected true, false or never"),
            ("beam: 3", "unknown field `beam`, expected one of `max_tokens`"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
