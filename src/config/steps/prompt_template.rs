//! A prompt with placeholders for the results of earlier steps.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::de::{Deserializer, Error};

/// A prompt such as `Summarise: {transcript}`. Two braces stand for one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptTemplate {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Field(Field),
}

/// A placeholder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// The record's text.
    Text,
    /// The transcript of its sound, from the step `transcribe`.
    Transcript,
    /// The caption of its picture, from the step `caption`.
    Caption,
    /// The answer to its question, from the step `ask`.
    Answer,
    /// A sensor's reading, by name.
    Sensor(String),
}

impl Field {
    /// The step whose result it is.
    fn step(&self) -> Option<&'static str> {
        match self {
            Field::Transcript => Some("transcribe"),
            Field::Caption => Some("caption"),
            Field::Answer => Some("ask"),
            Field::Text | Field::Sensor(_) => None,
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Field::Text => formatter.write_str("text"),
            Field::Transcript => formatter.write_str("transcript"),
            Field::Caption => formatter.write_str("caption"),
            Field::Answer => formatter.write_str("answer"),
            Field::Sensor(name) => write!(formatter, "sensors.{name}"),
        }
    }
}

impl FromStr for Field {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match (name, name.strip_prefix("sensors.")) {
            ("text", _) => Ok(Field::Text),
            ("transcript", _) => Ok(Field::Transcript),
            ("caption", _) => Ok(Field::Caption),
            ("answer", _) => Ok(Field::Answer),
            (_, Some(sensor)) if !sensor.is_empty() => Ok(Field::Sensor(sensor.to_string())),
            _ => Err(format!(
                "unknown field `{{{name}}}`, expected one of {{text}}, {{transcript}}, {{caption}}, {{answer}}, \
                 {{sensors.NAME}}; write {{{{ and }}}} for braces"
            )),
        }
    }
}

impl PromptTemplate {
    /// The placeholders, in order.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.parts.iter().filter_map(|part| match part {
            Part::Field(field) => Some(field),
            Part::Text(_) => None,
        })
    }

    /// Steps whose results it contains.
    pub fn steps(&self) -> Vec<&'static str> {
        self.fields().filter_map(Field::step).collect()
    }

    /// The text with the value of each field.
    pub fn filled(&self, mut value: impl FnMut(&Field) -> String) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Field(field) => value(field),
        };
        self.parts.iter().map(part).collect()
    }
}

impl FromStr for PromptTemplate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                plain.push_str(brace);
                rest = after;
                continue;
            }
            let end = rest.find('}').filter(|_| brace == "{");
            let Some(end) = end else {
                return Err(format!("`{brace}` has no counterpart; write {{{{ and }}}} for braces"));
            };
            if !plain.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut plain)));
            }
            parts.push(Part::Field(rest[..end].trim().parse()?));
            rest = &rest[end + 1..];
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(Part::Text(plain));
        }
        match parts.is_empty() {
            true => Err("empty prompt".to_string()),
            false => Ok(PromptTemplate { parts }),
        }
    }
}

impl<'de> Deserialize<'de> for PromptTemplate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_replaced_and_double_braces_are_braces() {
        let prompt: PromptTemplate = "{text}: {{\"a\": {transcript}}} {sensors.room 2}".parse().unwrap();
        assert_eq!(prompt.filled(|field| format!("<{field}>")), "<text>: {\"a\": <transcript>} <sensors.room 2>");
        assert_eq!(prompt.steps(), ["transcribe"]);
        let plain: PromptTemplate = "nothing".parse().unwrap();
        assert_eq!((plain.fields().count(), plain.filled(|_| String::new()).as_str()), (0, "nothing"));
    }

    #[test]
    fn what_is_filled_in_is_not_read_again() {
        let prompt: PromptTemplate = "{text}".parse().unwrap();
        assert_eq!(prompt.filled(|_| "{transcript}{".to_string()), "{transcript}{");
    }

    #[test]
    fn an_unknown_field_is_named_with_the_known_ones() {
        for (text, expected) in [
            (
                "{speech}",
                "unknown field `{speech}`, expected one of {text}, {transcript}, {caption}, {answer}, {sensors.NAME}",
            ),
            ("{sensors.}", "unknown field `{sensors.}`"),
            ("{}", "unknown field `{}`"),
            ("a { b", "`{` has no counterpart"),
            ("a } b", "`}` has no counterpart"),
            ("", "empty prompt"),
        ] {
            let error = text.parse::<PromptTemplate>().unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
