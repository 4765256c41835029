//! The result of a record: one key per step.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::about_pictures::{AnswerText, CaptionText, MatchedTexts, PictureClasses};
use super::embeddings::RecordEmbeddings;
use super::media::{Picture, Sound};
use super::outcome::{Done, Failed, Outcome, Outcomes, Timed};
use super::record::Record;
use super::replies::ReplyText;
use super::steps;
use crate::engine::Placed;
use crate::models::fusion::Fusion;
use crate::models::transcript::Transcript;

/// The result of one record; a line of JSON when serialised.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct RecordResult {
    /// Name of the record.
    pub id: String,
    /// Its picture.
    pub image: Option<String>,
    /// Its sound.
    pub audio: Option<String>,
    /// Its text.
    pub text: Option<String>,
    /// Position of its picture in a film, in seconds.
    pub position: Option<f64>,
    /// Results of the steps that had their input.
    pub(super) steps: Outcomes,
    /// Execution providers of the nodes of each graph loaded so far, by `model/graph`; if requested.
    pub placement: Option<BTreeMap<String, Vec<Placed>>>,
    /// Choice of `precision: auto` for each graph loaded so far, with its reason, by `model/graph`.
    pub precision: BTreeMap<String, String>,
    /// What was left out, cut off, substituted or guessed: one line each, starting with the file concerned.
    pub warnings: Vec<String>,
    /// Why the record was not processed at all.
    pub error: Option<String>,
}

impl RecordResult {
    /// The result of a record that no step has processed yet.
    pub(super) fn of(record: &Record) -> Self {
        RecordResult {
            id: record.name(),
            image: record.image.as_ref().map(Picture::name),
            audio: record.audio.as_ref().map(Sound::name),
            text: record.text.clone(),
            position: record.position,
            ..RecordResult::default()
        }
    }

    /// The result of a record that could not be read.
    pub fn failed(id: String, error: String) -> Self {
        RecordResult { id, error: Some(error), ..RecordResult::default() }
    }

    /// Adds a step's result, in the order of the table of steps.
    pub(super) fn add(&mut self, outcome: Outcome) {
        self.steps.add(steps::place(outcome.key), outcome);
    }

    /// The transcript of the sound.
    pub fn transcript(&self) -> Option<Timed<'_, Transcript>> {
        self.step("transcript")
    }

    /// The caption of the picture.
    pub fn caption(&self) -> Option<Timed<'_, CaptionText>> {
        self.step("caption")
    }

    /// The answer to the question.
    pub fn answer(&self) -> Option<Timed<'_, AnswerText>> {
        self.step("answer")
    }

    /// What the picture shows.
    pub fn classes(&self) -> Option<Timed<'_, PictureClasses>> {
        self.step("classes")
    }

    /// How well the texts fit the picture.
    pub fn matched(&self) -> Option<Timed<'_, MatchedTexts>> {
        self.step("match")
    }

    /// The student's decision.
    pub fn fusion(&self) -> Option<Timed<'_, Fusion>> {
        self.step("fusion")
    }

    /// The embeddings of picture, text and sound.
    pub fn embeddings(&self) -> Option<Timed<'_, RecordEmbeddings>> {
        self.step("embed")
    }

    /// The language model's answer.
    pub fn reply(&self) -> Option<Timed<'_, ReplyText>> {
        self.step("reply")
    }

    /// The result of the step whose key in JSON is `key`; `None` if it did not run, failed, or is not a `T`.
    pub fn step<T: 'static>(&self, key: &str) -> Option<Timed<'_, T>> {
        self.steps.get(key)
    }

    /// The key, milliseconds and execution provider of each step that has a result.
    pub fn costs(&self) -> impl Iterator<Item = (&'static str, f64, &str)> {
        let done = self.steps.iter().filter_map(|outcome| Some((outcome.key, outcome.result.as_ref().ok()?)));
        done.map(|(key, done)| (key, done.ms, done.provider.as_ref()))
    }

    /// All errors, in order of the steps.
    pub fn errors(&self) -> Vec<&str> {
        let steps = self.steps.iter().filter_map(|outcome| outcome.result.as_ref().err());
        let mut errors: Vec<&str> = self.error.iter().chain(steps).map(String::as_str).collect();
        // A file that cannot be read fails every step that needs it, with the same message.
        errors.dedup();
        errors
    }
}

impl Serialize for RecordResult {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        for (key, value) in [("image", &self.image), ("audio", &self.audio), ("text", &self.text)] {
            if let Some(value) = value {
                map.serialize_entry(key, value)?;
            }
        }
        if let Some(position) = &self.position {
            map.serialize_entry("position", position)?;
        }
        for outcome in self.steps.iter() {
            map.serialize_entry(outcome.key, outcome)?;
        }
        if let Some(placement) = &self.placement {
            map.serialize_entry("placement", placement)?;
        }
        if !self.precision.is_empty() {
            map.serialize_entry("precision", &self.precision)?;
        }
        if !self.warnings.is_empty() {
            map.serialize_entry("warnings", &self.warnings)?;
        }
        if let Some(error) = &self.error {
            map.serialize_entry("error", error)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for RecordResult {
    /// Keys that belong neither to a record nor to a step are ignored, because a results file has additional ones.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Line;

        impl<'de> Visitor<'de> for Line {
            type Value = RecordResult;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("the result of a record")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RecordResult, A::Error> {
                let mut result = RecordResult::default();
                let mut named = false;
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "id" => (result.id, named) = (map.next_value()?, true),
                        "image" => result.image = map.next_value()?,
                        "audio" => result.audio = map.next_value()?,
                        "text" => result.text = map.next_value()?,
                        "position" => result.position = map.next_value()?,
                        "placement" => result.placement = map.next_value()?,
                        "precision" => result.precision = map.next_value()?,
                        "warnings" => result.warnings = map.next_value()?,
                        "error" => result.error = map.next_value()?,
                        key => match steps::known_key(key) {
                            Some(key) => result.add(outcome(key, map.next_value()?).map_err(A::Error::custom)?),
                            None => drop(map.next_value::<serde::de::IgnoredAny>()?),
                        },
                    }
                }
                match named {
                    true => Ok(result),
                    false => Err(A::Error::missing_field("id")),
                }
            }
        }

        deserializer.deserialize_map(Line)
    }
}

/// Reads the output of one step.
fn outcome(key: &'static str, value: serde_json::Value) -> Result<Outcome, serde_json::Error> {
    let mut fields: serde_json::Map<String, serde_json::Value> = serde_json::from_value(value)?;
    let result = match (fields.remove("ms"), fields.remove("provider")) {
        (Some(ms), Some(provider)) => Ok(Done {
            value: steps::read_value(key, fields.into())?,
            ms: serde_json::from_value(ms)?,
            provider: serde_json::from_value::<String>(provider)?.into(),
        }),
        _ => Err(serde_json::from_value::<Failed>(fields.into())?.error.into_owned()),
    };
    Ok(Outcome { key, result })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_back() {
        let line = concat!(
            r#"{"id":"a","image":"a.jpg","transcript":{"error":"a.wav: cannot be read"},"#,
            r#""caption":{"text":"a dog","log_probability":-0.1,"score":-0.1,"ms":2.5,"provider":"cpu"},"#,
            r#""warnings":["a.jpg: cut off"]}"#
        );
        let result: RecordResult = serde_json::from_str(line).unwrap();
        assert_eq!(result.caption().unwrap().value.best.text, "a dog");
        assert_eq!(result.errors(), ["a.wav: cannot be read"]);
        assert_eq!(serde_json::to_string(&result).unwrap(), line);
        // A results file has additional keys.
        let marked: RecordResult = serde_json::from_str(r#"{"id":"a","made_with":"caption-1"}"#).unwrap();
        assert_eq!(serde_json::to_string(&marked).unwrap(), r#"{"id":"a"}"#);
        for wrong in ["{}", r#"{"id":"a","caption":{"text":3,"ms":1,"provider":"cpu"}}"#, r#"{"id":"a","caption":{}}"#]
        {
            assert!(serde_json::from_str::<RecordResult>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn results_come_in_the_order_of_the_table() {
        let mut result = RecordResult::failed("a".into(), "x".into());
        for key in ["answer", "transcript", "caption"] {
            result.add(Outcome { key, result: Err(key.to_string()) });
        }
        assert_eq!(result.errors(), ["x", "transcript", "caption", "answer"]);
    }
}
