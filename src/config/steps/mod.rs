//! The steps that `edgefuse run` applies to each record: their options, and which of them a device file lists.

mod ask;
mod caption;
mod chat;
mod classify;
mod embed;
mod form;
mod fuse;
mod index;
mod matching;
mod prompt_template;
mod reply;
mod search;
mod table;
mod texts;
#[cfg(test)]
mod toy;
mod transcribe;
mod vad_options;

use std::any::Any;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, MapAccess};

use super::named::{self, Named};

pub use ask::{AskOptions, Question};
pub use caption::CaptionOptions;
pub use chat::ChatOptions;
pub use classify::ClassifyOptions;
pub use embed::{EmbedOptions, TextRole};
pub use form::{Form, Schema};
pub use fuse::{FuseOptions, TextSource};
pub use index::IndexOptions;
pub use matching::MatchOptions;
pub use prompt_template::{Field, PromptTemplate};
pub use reply::{ReplyOptions, Truncate};
pub use search::{SearchOptions, StopEarly};
pub use texts::Texts;
#[cfg(test)]
pub(crate) use toy::ToyOptions;
pub use transcribe::{Channels, Clips, EncoderContext, Task, Temperatures, Timestamps, TranscribeOptions, Vad};
pub use vad_options::VadOptions;

/// Options of one kind of step. `table.rs` lists the types that a device file may name.
pub trait StepOptions: CloneStep + Any + fmt::Debug + Send + Sync {
    /// The name in a device file.
    fn name(&self) -> &'static str;

    /// Checks the values.
    ///
    /// # Errors
    /// The invalid option, and what it accepts.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// The `model` option: the model's name under `models`. Without it, the step uses the only model with the
    /// capability.
    fn model(&self) -> Option<&str>;

    /// Sets the `model` option.
    fn set_model(&mut self, name: String);

    /// The option that lists texts, and its key.
    fn texts(&self) -> Option<(&'static str, &Texts)> {
        None
    }

    /// As [`StepOptions::texts`], mutably.
    fn texts_mut(&mut self) -> Option<(&'static str, &mut Texts)> {
        None
    }

    /// The files that the options name, and their keys.
    fn files(&self) -> Vec<(&'static str, &Path)> {
        match self.texts() {
            Some((key, Texts::File(path))) => vec![(key, path)],
            _ => Vec::new(),
        }
    }

    /// As [`StepOptions::files`], mutably.
    fn files_mut(&mut self) -> Vec<(&'static str, &mut PathBuf)> {
        match self.texts_mut() {
            Some((key, Texts::File(path))) => vec![(key, path)],
            _ => Vec::new(),
        }
    }

    /// The folder that the step writes to.
    fn output_mut(&mut self) -> Option<&mut PathBuf> {
        None
    }

    /// Whether the step fails without the result of an earlier `transcribe`.
    fn needs_transcript(&self) -> bool {
        false
    }

    /// Further steps whose results it contains.
    fn needs(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// Adds embeddings to the step's results, and returns whether it has any.
    fn keep_embeddings(&mut self) -> bool {
        false
    }
}

/// Options that can be read from a device file by the step's name.
pub trait NamedStep: StepOptions + Clone + Default + DeserializeOwned {
    /// The name in a device file.
    const NAME: &'static str;
}

/// Clones options behind a trait object.
pub trait CloneStep {
    /// A copy.
    fn clone_step(&self) -> Box<dyn StepOptions>;
}

impl<T: StepOptions + Clone> CloneStep for T {
    fn clone_step(&self) -> Box<dyn StepOptions> {
        Box::new(self.clone())
    }
}

/// One step of the pipeline, with its options. A step is skipped for records that lack its input.
#[derive(Debug)]
pub struct Step(Box<dyn StepOptions>);

impl Step {
    /// The step that `options` belong to.
    pub fn new(options: impl StepOptions) -> Self {
        Step(Box::new(options))
    }

    /// The name in a device file.
    pub fn name(&self) -> &'static str {
        self.0.name()
    }

    /// Its options.
    pub fn options(&self) -> &dyn StepOptions {
        self.0.as_ref()
    }

    /// Its options, mutably.
    pub fn options_mut(&mut self) -> &mut dyn StepOptions {
        self.0.as_mut()
    }

    /// Its options, if they are of this type.
    pub fn as_options<T: StepOptions>(&self) -> Option<&T> {
        (self.0.as_ref() as &dyn Any).downcast_ref()
    }
}

impl Clone for Step {
    fn clone(&self) -> Self {
        Step(self.0.clone_step())
    }
}

impl<T: StepOptions> From<T> for Step {
    fn from(options: T) -> Self {
        Step::new(options)
    }
}

/// Checks the steps together. The error is the index of the step and the problem.
pub(crate) fn check(steps: &[Step]) -> Result<(), (usize, String)> {
    for (index, step) in steps.iter().enumerate() {
        let before = |name: &str| steps[..index].iter().any(|step| step.name() == name);
        let name = step.name();
        if before(name) {
            return Err((index, format!("duplicate step `{name}`")));
        }
        if step.options().needs_transcript() && !before(TranscribeOptions::NAME) {
            return Err((index, format!("`{name}` needs the transcript, but no `transcribe` comes before it")));
        }
        if let Some(needed) = step.options().needs().into_iter().find(|needed| !before(needed)) {
            return Err((index, format!("`{name}` needs the result of `{needed}`, which does not come before it")));
        }
        step.options().check().map_err(|problem| (index, format!("`{name}`: {problem}")))?;
    }
    Ok(())
}

impl Named for Step {
    const WHAT: &'static str = "pipeline step";

    fn names() -> Vec<&'static str> {
        let mut names = Vec::new();
        table::each(&mut |name, _| names.push(name));
        names
    }

    fn plain(name: &str) -> Option<Self> {
        let mut found = None;
        table::each(&mut |known, default| {
            if known == name {
                found = Some(default());
            }
        });
        found
    }

    fn read_options<'de, A: MapAccess<'de>>(self, map: &mut A) -> Result<Self, A::Error> {
        table::read(self.name(), map)
    }
}

/// `caption`, or `caption: {max_tokens: 20}`.
impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        named::deserialize(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::{AskOptions, Question, Step};

    #[test]
    fn reads_steps_with_and_without_options() {
        let text = "- transcribe: {language: auto, model: live}\n- caption\n- ask: {question: transcript}\n";
        let steps: Vec<Step> = serde_yaml::from_str(text).unwrap();
        assert_eq!(steps.iter().map(Step::name).collect::<Vec<_>>(), ["transcribe", "caption", "ask"]);
        assert_eq!(steps[2].as_options::<AskOptions>().unwrap().question, Question::Transcript);
        assert_eq!(steps.iter().map(|step| step.options().model()).collect::<Vec<_>>(), [Some("live"), None, None]);
    }

    #[test]
    fn names_what_is_wrong() {
        for (text, expected) in [
            (
                "- describe",
                "unknown pipeline step `describe`, expected one of transcribe, caption, ask, classify, match, fuse, embed, chat, index",
            ),
            ("- caption: {tokens: 3}", "unknown field `tokens`"),
            ("- transcribe: {task: sing}", "unknown variant `sing`"),
            ("- caption: {max_tokens: -3}", "expected usize"),
            ("- match: {model: [a]}", "expected a string"),
        ] {
            let error = serde_yaml::from_str::<Vec<Step>>(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
