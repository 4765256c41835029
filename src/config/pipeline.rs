//! The steps that `edgefuse run` applies to each record, and their options.

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess};

use super::ask::{AskOptions, Question};
use super::caption::CaptionOptions;
use super::match_options::MatchOptions;
use super::named::{self, Named};
use super::texts::Texts;
use super::transcribe::TranscribeOptions;

/// One step of the pipeline. A step is skipped for records that lack its input.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Step {
    /// Speech to text: needs audio.
    Transcribe(Box<TranscribeOptions>),
    /// A caption: needs an image.
    Caption(CaptionOptions),
    /// An answer about the image: needs an image and a question.
    Ask(AskOptions),
    /// How well texts fit the image: needs an image and texts.
    Match(MatchOptions),
    /// The student's decision, from whatever the record has.
    Fuse(FuseOptions),
}

impl Step {
    /// The name in a device file.
    pub fn name(&self) -> &'static str {
        match self {
            Step::Transcribe(_) => "transcribe",
            Step::Caption(_) => "caption",
            Step::Ask(_) => "ask",
            Step::Match(_) => "match",
            Step::Fuse(_) => "fuse",
        }
    }

    /// The list of texts that the step uses, and its key.
    pub fn list(&self) -> Option<(&'static str, &Texts)> {
        match self {
            Step::Ask(options) => options.answers.as_ref().map(|texts| ("answers", texts)),
            Step::Match(options) => options.texts.as_ref().map(|texts| ("texts", texts)),
            Step::Transcribe(_) | Step::Caption(_) | Step::Fuse(_) => None,
        }
    }

    /// The list of texts that the step uses, and its key.
    pub(super) fn texts(&mut self) -> Option<(&'static str, &mut Texts)> {
        match self {
            Step::Ask(options) => options.answers.as_mut().map(|texts| ("answers", texts)),
            Step::Match(options) => options.texts.as_mut().map(|texts| ("texts", texts)),
            Step::Transcribe(_) | Step::Caption(_) | Step::Fuse(_) => None,
        }
    }

    fn check(&self) -> Result<(), String> {
        match self {
            Step::Transcribe(options) => options.check(),
            Step::Caption(options) => options.check(),
            Step::Ask(options) => options.check(),
            Step::Match(_) | Step::Fuse(_) => Ok(()),
        }
    }
}

/// Checks the steps together. The error is the index of the step and the problem.
pub(super) fn check(steps: &[Step]) -> Result<(), (usize, String)> {
    for (index, step) in steps.iter().enumerate() {
        let before = |name: &str| steps[..index].iter().any(|step| step.name() == name);
        let name = step.name();
        let transcript = match step {
            Step::Ask(options) => options.question == Question::Transcript,
            Step::Fuse(options) => options.text == TextSource::Transcript,
            Step::Caption(_) | Step::Match(_) | Step::Transcribe(_) => false,
        };
        if before(name) {
            return Err((index, format!("`{name}` stands twice; a result has one place for it")));
        }
        if transcript && !before("transcribe") {
            return Err((index, format!("`{name}` wants the transcript, and there is no `transcribe` before it")));
        }
        step.check().map_err(|problem| (index, format!("`{name}`: {problem}")))?;
    }
    Ok(())
}

/// Options of `fuse`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FuseOptions {
    /// The text that the student sees.
    pub text: TextSource,
    /// Whether an input that the student does not accept is an error; otherwise it is ignored with a warning.
    pub strict: bool,
    /// Whether results contain the fused embedding and each modality's.
    pub embeddings: bool,
}

/// The text that the student sees.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TextSource {
    /// The record's text, or else the transcript of its audio.
    #[default]
    Any,
    /// The record's text only.
    Text,
    /// The transcript only.
    Transcript,
    /// None.
    None,
}

impl Named for Step {
    const WHAT: &'static str = "pipeline step";
    const NAMES: &'static [&'static str] = &["transcribe", "caption", "ask", "match", "fuse"];

    fn plain(name: &str) -> Option<Self> {
        Some(match name {
            "transcribe" => Step::Transcribe(Box::default()),
            "caption" => Step::Caption(CaptionOptions::default()),
            "ask" => Step::Ask(AskOptions::default()),
            "match" => Step::Match(MatchOptions::default()),
            "fuse" => Step::Fuse(FuseOptions::default()),
            _ => return None,
        })
    }

    fn read_options<'de, A: MapAccess<'de>>(self, map: &mut A) -> Result<Self, A::Error> {
        Ok(match self {
            Step::Transcribe(_) => Step::Transcribe(map.next_value()?),
            Step::Caption(_) => Step::Caption(map.next_value()?),
            Step::Ask(_) => Step::Ask(map.next_value()?),
            Step::Match(_) => Step::Match(map.next_value()?),
            Step::Fuse(_) => Step::Fuse(map.next_value()?),
        })
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
    use super::{Question, Step};

    #[test]
    fn reads_steps_with_and_without_options() {
        let steps: Vec<Step> =
            serde_yaml::from_str("- transcribe: {language: auto}\n- caption\n- ask: {question: transcript}\n").unwrap();
        assert_eq!(steps.iter().map(Step::name).collect::<Vec<_>>(), ["transcribe", "caption", "ask"]);
        assert!(matches!(&steps[2], Step::Ask(options) if options.question == Question::Transcript));
    }

    #[test]
    fn names_what_is_wrong() {
        for (text, told) in [
            ("- describe", "unknown pipeline step `describe`"),
            ("- caption: {tokens: 3}", "unknown field `tokens`"),
            ("- transcribe: {task: sing}", "unknown variant `sing`"),
            ("- caption: {max_tokens: -3}", "expected usize"),
        ] {
            let error = serde_yaml::from_str::<Vec<Step>>(text).unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
