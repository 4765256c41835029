//! The options of `ask`.

use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::search::{SearchOptions, with_search_options};
use super::texts::Texts;
use super::{NamedStep, StepOptions};

/// Options of `ask`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(from = "RawAsk")]
pub struct AskOptions {
    /// Name of the model under `models`; the only one that answers questions if `None`.
    pub model: Option<String>,
    /// Where the question comes from.
    pub question: Question,
    /// Candidate answers: the most probable is chosen instead of generating one.
    pub answers: Option<Texts>,
    /// How many of `answers` a result contains, most probable first; all if `None`.
    pub top: Option<usize>,
    /// Search options, for generated answers.
    pub search: SearchOptions,
}

with_search_options!(RawAsk { model: Option<String>, question: Question, answers: Option<Texts>, top: Option<usize> });

impl From<RawAsk> for AskOptions {
    fn from(raw: RawAsk) -> Self {
        AskOptions {
            search: raw.search(),
            model: raw.model,
            question: raw.question,
            answers: raw.answers,
            top: raw.top,
        }
    }
}

impl AskOptions {
    /// Checks the values.
    ///
    /// # Errors
    /// The invalid option, and what it accepts.
    pub fn check(&self) -> Result<(), String> {
        if self.top == Some(0) {
            return Err("top: must be at least 1".to_string());
        }
        if self.top.is_some() && self.answers.is_none() {
            return Err("top: needs a list of `answers`, but there is none".to_string());
        }
        self.search.check()
    }
}

impl NamedStep for AskOptions {
    const NAME: &'static str = "ask";
}

impl StepOptions for AskOptions {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn check(&self) -> Result<(), String> {
        Self::check(self)
    }

    fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    fn set_model(&mut self, name: String) {
        self.model = Some(name);
    }

    fn texts(&self) -> Option<(&'static str, &Texts)> {
        self.answers.as_ref().map(|texts| ("answers", texts))
    }

    fn texts_mut(&mut self) -> Option<(&'static str, &mut Texts)> {
        self.answers.as_mut().map(|texts| ("answers", texts))
    }

    fn needs_transcript(&self) -> bool {
        self.question == Question::Transcript
    }
}

/// Where the question of `ask` comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Question {
    /// The record's text, or without one the transcript of its audio.
    #[default]
    Any,
    /// The record's text.
    Text,
    /// The transcript of the record's audio.
    Transcript,
    /// The same question for every record.
    Fixed(String),
}

impl<'de> Deserialize<'de> for Question {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.trim() {
            "text" => Ok(Question::Text),
            "transcript" => Ok(Question::Transcript),
            "" => Err(D::Error::custom("empty question; write text, transcript, or a question")),
            question => Ok(Question::Fixed(question.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_list_of_answers_or_the_name_of_one() {
        let options: AskOptions = serde_yaml::from_str("{answers: [yes, no], top: 1, question: text}").unwrap();
        assert_eq!(options.answers, Some(Texts::List(vec!["yes".into(), "no".into()])));
        assert_eq!((options.top, options.question.clone(), options.check()), (Some(1), Question::Text, Ok(())));
        let options: AskOptions = serde_yaml::from_str("answers: vqa.txt").unwrap();
        assert_eq!(options.answers, Some(Texts::File("vqa.txt".into())));
    }

    #[test]
    fn top_is_of_a_list() {
        let check = |text| serde_yaml::from_str::<AskOptions>(text).unwrap().check().unwrap_err();
        assert!(check("top: 3").contains("there is none"));
        assert!(check("{answers: [a], top: 0}").contains("at least 1"));
        assert!(check("max_tokens: 0").contains("max_tokens"));
    }
}
