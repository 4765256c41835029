//! Implementations of the steps. The table lists the steps in the order of their results.

mod ask;
mod by_message;
mod caption;
mod chat;
mod classify;
mod context;
mod embed;
mod encoded;
mod fuse;
mod index;
mod matching;
mod measured;
mod seen;
#[cfg(test)]
mod toy;
mod transcribe;

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::outcome::{Outcome, StepValue};
use crate::config::model_folder::capability;
use crate::config::{Device, NamedStep, Step};
use crate::error::Error;
use crate::media::image::PixelConfig;
use crate::models::Models;

pub(super) use context::Context;
pub use index::Indexed;
pub(super) use measured::{StepOutcome, timed};
pub(super) use seen::Seen;
pub(super) use transcribe::TRANSCRIPT;

use ask::Ask;
use caption::Caption;
use chat::Chat;
use classify::Classify;
use embed::Embed;
use fuse::Fuse;
use index::Index;
use matching::Match;
use measured::kept;
use transcribe::Transcribe;

/// All steps. A new step adds one line here, and one to the table of step options (`config::steps`).
const STEPS: &[Entry] = &[
    Entry::of::<Transcribe>(),
    Entry::of::<Caption>(),
    Entry::of::<Ask>(),
    Entry::of::<Classify>(),
    Entry::of::<Match>(),
    Entry::of::<Fuse>(),
    Entry::of::<Embed>(),
    Entry::of::<Chat>(),
    Entry::of::<Index>(),
    #[cfg(test)]
    Entry::of::<toy::MeasureLoudness>(),
];

/// A step: from options and a record to a result.
pub(super) trait StepKind: Sized + Send + Sync + 'static {
    /// Its options in a device file.
    type Options: NamedStep;

    /// Its result.
    type Value: Serialize + DeserializeOwned + Debug + Send + Sync + 'static;

    /// The key of its result.
    const KEY: &'static str;

    /// Whether its result has a text: what was said, seen, answered or decided.
    const HAS_TEXT: bool = true;

    /// Reads files that the options name, such as lists of texts.
    ///
    /// # Errors
    /// [`Error::Config`] for a list that cannot be used.
    fn new(options: &Self::Options) -> Result<Self, Error>;

    /// The models it uses, main one first: required capability, and the name if the options set one.
    fn uses(options: &Self::Options) -> Vec<Use<'_>>;

    /// Picture preprocessing of its model, if it needs a picture.
    fn view(&self, models: &Models) -> Option<PixelConfig> {
        let _ = models;
        None
    }

    /// Processes one record; returns no result if the record lacks the step's input.
    ///
    /// # Errors
    /// Problems with the record's files or with the model.
    fn run(&self, context: &mut Context) -> StepOutcome<Self::Value>;
}

/// A model that a step uses.
pub(crate) struct Use<'a> {
    /// The required capability.
    pub capability: &'static str,
    /// Its name under `models`, if the options set one.
    pub model: Option<&'a str>,
    /// Whether the step works without it.
    pub optional: bool,
}

impl<'a> Use<'a> {
    pub fn required(capability: &'static str, model: Option<&'a str>) -> Self {
        Use { capability, model, optional: false }
    }

    pub fn optional(capability: &'static str, model: Option<&'a str>) -> Self {
        Use { capability, model, optional: true }
    }
}

/// A step that is ready to run.
pub(super) trait Runner: Send + Sync {
    fn view(&self, models: &Models) -> Option<PixelConfig>;

    /// Runs the step. An error about the record's own files becomes part of its result.
    fn run(&self, context: &mut Context) -> Result<Option<Outcome>, Error>;
}

impl<S: StepKind> Runner for S {
    fn view(&self, models: &Models) -> Option<PixelConfig> {
        StepKind::view(self, models)
    }

    fn run(&self, context: &mut Context) -> Result<Option<Outcome>, Error> {
        kept(S::KEY, StepKind::run(self, context))
    }
}

/// Prepares a step; `None` for options of another type.
type Build = fn(&Step) -> Option<Result<Box<dyn Runner>, Error>>;

/// An entry of the table.
struct Entry {
    name: &'static str,
    key: &'static str,
    has_text: bool,
    build: Build,
    uses: fn(&Step) -> Vec<Use<'_>>,
    read: fn(serde_json::Value) -> Result<Box<dyn StepValue>, serde_json::Error>,
}

impl Entry {
    const fn of<S: StepKind>() -> Self {
        Entry {
            name: S::Options::NAME,
            key: S::KEY,
            has_text: S::HAS_TEXT,
            build: |step| {
                let options = step.as_options::<S::Options>()?;
                Some(S::new(options).map(|step| Box::new(step) as Box<dyn Runner>))
            },
            uses: |step| step.as_options::<S::Options>().map(S::uses).unwrap_or_default(),
            read: |value| Ok(Box::new(serde_json::from_value::<S::Value>(value)?)),
        }
    }
}

/// The runner of a step.
pub(super) fn runner(step: &Step) -> Result<Box<dyn Runner>, Error> {
    let entry = STEPS.iter().find(|entry| entry.name == step.name());
    entry.and_then(|entry| (entry.build)(step)).unwrap_or_else(|| {
        Err(Error::Request {
            model: "pipeline".to_string(),
            problem: format!("step `{}` is not in the table of steps", step.name()),
        })
    })
}

/// The models that a step uses.
pub(crate) fn uses(step: &Step) -> Vec<Use<'_>> {
    STEPS.iter().find(|entry| entry.name == step.name()).map(|entry| (entry.uses)(step)).unwrap_or_default()
}

/// Position of a step's result among the others.
pub(super) fn place(key: &str) -> usize {
    STEPS.iter().position(|entry| entry.key == key).unwrap_or(STEPS.len())
}

/// The keys of the steps' results, in the order of a result.
pub fn step_keys() -> impl Iterator<Item = &'static str> {
    STEPS.iter().map(|entry| entry.key)
}

/// The keys of the results of `steps` that have a text, such as a transcript, a caption or a label.
pub fn text_keys(steps: &[Step]) -> impl Iterator<Item = &'static str> {
    let has_text = move |entry: &&Entry| entry.has_text && steps.iter().any(|step| step.name() == entry.name);
    STEPS.iter().filter(has_text).map(|entry| entry.key)
}

/// The key of a step's result, from the table.
pub(super) fn known_key(key: &str) -> Option<&'static str> {
    STEPS.iter().map(|entry| entry.key).find(|known| *known == key)
}

/// Reads the value of a step's result.
pub(super) fn read_value(key: &str, value: serde_json::Value) -> Result<Box<dyn StepValue>, serde_json::Error> {
    match STEPS.iter().find(|entry| entry.key == key) {
        Some(entry) => (entry.read)(value),
        None => Err(serde::de::Error::custom(format!("unknown step result `{key}`"))),
    }
}

/// The models that a `transcribe` step uses, also on behalf of another step.
fn transcribers(options: &crate::config::TranscribeOptions, required: bool) -> Vec<Use<'_>> {
    let transcriber = Use { optional: !required, ..Use::required(capability::TRANSCRIBE, options.model.as_deref()) };
    let detector = Use::optional(capability::DETECT_SPEECH, options.vad_model.as_deref());
    vec![transcriber, detector]
}

/// For each step of the pipeline, an error for the first required model that the device lacks.
pub fn missing_models(device: &Device, steps: &[Step]) -> Vec<Error> {
    let mut missing = Vec::new();
    for step in steps {
        for it in uses(step).into_iter().filter(|it| !it.optional) {
            if let Err(error) = crate::models::choose_model(device, it.capability, it.model, step.name()) {
                missing.push(error);
            }
        }
    }
    missing
}
