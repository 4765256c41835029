//! The result of a record: one key per step.

use std::collections::BTreeMap;

use serde::Serialize;

use super::about_pictures::{AnswerText, CaptionText, MatchedTexts};
use super::record::Record;
use crate::engine::Placed;
use crate::models::student::Fusion;
use crate::models::whisper::Transcript;
use crate::path_text::path_text;

/// A line of results.
#[derive(Debug, Default, Serialize)]
pub struct RecordResult {
    /// Name of the record.
    pub id: String,
    /// Its picture.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Its sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio: Option<String>,
    /// Its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What was said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transcript: Option<StepResult<Transcript>>,
    /// What the picture shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caption: Option<StepResult<CaptionText>>,
    /// The answer to the question.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<StepResult<AnswerText>>,
    /// How well texts fit the picture.
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    pub matched: Option<StepResult<MatchedTexts>>,
    /// The student's decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fusion: Option<StepResult<Fusion>>,
    /// On which providers the nodes of each graph lie that was loaded so far, by `model/graph`; on request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placement: Option<BTreeMap<String, Vec<Placed>>>,
    /// What `precision: auto` chose for each graph that was loaded so far, and why, by `model/graph`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub precision: BTreeMap<String, String>,
    /// What was left out, cut off, substituted or guessed: one line each, starting with the file it concerns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Why the record was not processed at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What a step gave.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum StepResult<T> {
    /// Its result.
    Done(Timed<T>),
    /// Why it gave none.
    Failed {
        /// One line: what, where, what to do.
        error: String,
    },
}

/// A result with its cost.
#[derive(Debug, Serialize)]
pub struct Timed<T> {
    /// The result.
    #[serde(flatten)]
    pub value: T,
    /// Milliseconds from the file to the result; loading the model is not counted.
    pub ms: f64,
    /// The execution provider that most nodes of the step's main graph lie on.
    pub provider: &'static str,
}

impl RecordResult {
    /// The line of a record, without results yet.
    pub(super) fn of(record: &Record) -> Self {
        let path = |path: &Option<std::path::PathBuf>| path.as_deref().map(path_text);
        RecordResult {
            id: record.name(),
            image: path(&record.image),
            audio: path(&record.audio),
            text: record.text.clone(),
            ..RecordResult::default()
        }
    }

    /// The line of a record that could not be read.
    pub fn failed(id: String, error: String) -> Self {
        RecordResult { id, error: Some(error), ..RecordResult::default() }
    }

    /// Everything that went wrong, in order of the steps.
    pub fn errors(&self) -> Vec<&str> {
        let steps = [
            self.transcript.as_ref().and_then(StepResult::error),
            self.caption.as_ref().and_then(StepResult::error),
            self.answer.as_ref().and_then(StepResult::error),
            self.matched.as_ref().and_then(StepResult::error),
            self.fusion.as_ref().and_then(StepResult::error),
        ];
        let mut errors: Vec<&str> = self.error.as_deref().into_iter().chain(steps.into_iter().flatten()).collect();
        // A file that cannot be read fails every step that wants it, with the same words.
        errors.dedup();
        errors
    }
}

impl<T> StepResult<T> {
    /// The result, if there is one.
    pub fn value(&self) -> Option<&T> {
        self.done().map(|timed| &timed.value)
    }

    /// The result with its cost, if there is one.
    pub fn done(&self) -> Option<&Timed<T>> {
        match self {
            StepResult::Done(timed) => Some(timed),
            StepResult::Failed { .. } => None,
        }
    }

    fn error(&self) -> Option<&str> {
        match self {
            StepResult::Done(_) => None,
            StepResult::Failed { error } => Some(error),
        }
    }
}
