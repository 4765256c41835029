//! What a sink gets: `sources`, `only`, `min_confidence` and `changed`.

use std::collections::BTreeMap;
use std::fmt;

use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

/// Memory of a compiled pattern: a device file must not take the board's memory.
const PATTERN_MEMORY: usize = 1 << 20;

/// Which events a sink gets. Without conditions, all of them.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// The sources whose events are delivered; all if `None`.
    pub sources: Option<Vec<String>>,
    /// Patterns that the texts of a result must contain, by the key of the step's result.
    pub only: BTreeMap<String, Pattern>,
    /// The least confidence.
    pub min_confidence: Option<MinConfidence>,
    /// Whether a result is delivered only if its texts differ from those of the source's last one.
    pub changed: bool,
}

/// A regular expression.
#[derive(Debug, Clone)]
pub struct Pattern(pub Regex);

/// The least confidence of a result.
#[derive(Debug, Clone, PartialEq)]
pub enum MinConfidence {
    /// Of every step that has one.
    OfAll(f64),
    /// Of the steps with these keys.
    Of(BTreeMap<String, f64>),
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let built = RegexBuilder::new(&text).size_limit(PATTERN_MEMORY).build();
        built.map(Pattern).map_err(|error| {
            // The first lines of a syntax error show the pattern with a caret.
            let message = error.to_string();
            let last = message.lines().last().unwrap_or_default().trim();
            let problem = last.strip_prefix("error: ").unwrap_or(last);
            D::Error::custom(format!("`{text}` is not a regular expression: {problem}"))
        })
    }
}

impl<'de> Deserialize<'de> for MinConfidence {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Least;

        impl<'de> Visitor<'de> for Least {
            type Value = MinConfidence;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("a probability from 0 to 1, or one for each step, such as `{answer: 0.5}`")
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<MinConfidence, E> {
                probability(value).map(MinConfidence::OfAll)
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<MinConfidence, E> {
                self.visit_f64(value as f64)
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<MinConfidence, E> {
                self.visit_f64(value as f64)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<MinConfidence, A::Error> {
                let mut of = BTreeMap::new();
                while let Some((key, value)) = map.next_entry::<String, f64>()? {
                    of.insert(key, probability(value)?);
                }
                Ok(MinConfidence::Of(of))
            }
        }

        deserializer.deserialize_any(Least)
    }
}

fn probability<E: Error>(value: f64) -> Result<f64, E> {
    match (0.0..=1.0).contains(&value) {
        true => Ok(value),
        false => Err(E::custom(format!("{value} is not a probability, from 0 to 1"))),
    }
}

impl Filter {
    /// The keys of steps that it names.
    pub fn steps(&self) -> impl Iterator<Item = &str> {
        let least = match &self.min_confidence {
            Some(MinConfidence::Of(steps)) => Some(steps),
            _ => None,
        };
        self.only.keys().chain(least.into_iter().flat_map(BTreeMap::keys)).map(String::as_str)
    }
}
