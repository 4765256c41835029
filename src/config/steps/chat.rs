//! The options of `chat`.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::prompt_template::PromptTemplate;
use super::reply::{ReplyOptions, Truncate};
use super::{Form, NamedStep, Schema, StepOptions, Texts};
use crate::config::ConfigError;

/// Options of `chat`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(from = "RawChat")]
pub struct ChatOptions {
    /// Name of the model under `models`; the only one that can chat if `None`.
    pub model: Option<String>,
    /// Instructions that precede every prompt, the same for all records.
    pub system: Option<String>,
    /// The prompt; the record's text, or else the transcript of its sound if `None`.
    pub prompt: Option<PromptTemplate>,
    /// Whether the record's picture is part of the prompt: as it is for a model that accepts pictures, otherwise as its
    /// caption.
    pub image: bool,
    /// Whether the record's sound is part of the prompt: as it is for a model that accepts sound, otherwise as its
    /// transcript.
    pub audio: bool,
    /// The JSON Schema of the answer.
    pub schema: Option<Schema>,
    /// The texts that the answer is one of.
    pub choices: Option<Texts>,
    /// How the answer is written, apart from its form, which [`ChatOptions::load`] reads.
    pub reply: ReplyOptions,
}

/// The options as written: those of [`ReplyOptions`] and the step's own, side by side.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawChat {
    model: Option<String>,
    system: Option<String>,
    prompt: Option<PromptTemplate>,
    image: bool,
    audio: bool,
    schema: Option<Schema>,
    choices: Option<Texts>,
    max_tokens: Option<usize>,
    temperature: f32,
    top_p: f32,
    min_p: f32,
    seed: u64,
    stop: Vec<String>,
    truncate: Truncate,
}

impl Default for RawChat {
    fn default() -> Self {
        let reply = ReplyOptions::default();
        RawChat {
            model: None,
            system: None,
            prompt: None,
            image: false,
            audio: false,
            schema: None,
            choices: None,
            max_tokens: reply.max_tokens,
            temperature: reply.temperature,
            top_p: reply.top_p,
            min_p: reply.min_p,
            seed: reply.seed,
            stop: reply.stop,
            truncate: reply.truncate,
        }
    }
}

impl From<RawChat> for ChatOptions {
    fn from(raw: RawChat) -> Self {
        ChatOptions {
            model: raw.model,
            system: raw.system.filter(|text| !text.trim().is_empty()),
            prompt: raw.prompt,
            image: raw.image,
            audio: raw.audio,
            schema: raw.schema,
            choices: raw.choices,
            reply: ReplyOptions {
                max_tokens: raw.max_tokens,
                temperature: raw.temperature,
                top_p: raw.top_p,
                min_p: raw.min_p,
                seed: raw.seed,
                stop: raw.stop,
                truncate: raw.truncate,
                ..ReplyOptions::default()
            },
        }
    }
}

impl ChatOptions {
    /// Checks the values.
    ///
    /// # Errors
    /// The invalid option, and what it accepts.
    pub fn check(&self) -> Result<(), String> {
        if self.schema.is_some() && self.choices.is_some() {
            return Err("schema, choices: an answer has only one form; leave one of them out".to_string());
        }
        self.reply.check()
    }

    /// How the answer is written, with its form.
    ///
    /// # Errors
    /// [`ConfigError`] for a file that cannot be used.
    pub fn load(&self) -> Result<ReplyOptions, ConfigError> {
        let form = match (&self.schema, &self.choices) {
            (Some(schema), _) => Some(Form::Schema(schema.load()?)),
            (None, Some(choices)) => Some(Form::Choices(choices.load()?)),
            (None, None) => None,
        };
        Ok(ReplyOptions { form, ..self.reply.clone() })
    }
}

impl NamedStep for ChatOptions {
    const NAME: &'static str = "chat";
}

impl StepOptions for ChatOptions {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn check(&self) -> Result<(), String> {
        Self::check(self)
    }

    fn texts(&self) -> Option<(&'static str, &Texts)> {
        self.choices.as_ref().map(|texts| ("choices", texts))
    }

    fn texts_mut(&mut self) -> Option<(&'static str, &mut Texts)> {
        self.choices.as_mut().map(|texts| ("choices", texts))
    }

    fn files(&self) -> Vec<(&'static str, &Path)> {
        match (&self.schema, &self.choices) {
            (Some(Schema::File(path)), _) => vec![("schema", path)],
            (_, Some(Texts::File(path))) => vec![("choices", path)],
            _ => Vec::new(),
        }
    }

    fn files_mut(&mut self) -> Vec<(&'static str, &mut PathBuf)> {
        match (&mut self.schema, &mut self.choices) {
            (Some(Schema::File(path)), _) => vec![("schema", path)],
            (_, Some(Texts::File(path))) => vec![("choices", path)],
            _ => Vec::new(),
        }
    }

    fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    fn set_model(&mut self, name: String) {
        self.model = Some(name);
    }

    fn needs(&self) -> Vec<&'static str> {
        self.prompt.as_ref().map(PromptTemplate::steps).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Step;

    #[test]
    fn options_are_side_by_side() {
        let text = "{system: Be brief., prompt: 'Say: {text}', max_tokens: 9, stop: ['.'], truncate: middle}";
        let options: ChatOptions = serde_yaml::from_str(text).unwrap();
        assert_eq!((options.reply.max_tokens, options.reply.truncate), (Some(9), Truncate::Middle));
        assert_eq!(options.prompt, Some("Say: {text}".parse().unwrap()));
        assert_eq!(serde_yaml::from_str::<ChatOptions>("{}").unwrap(), ChatOptions::default());
    }

    #[test]
    fn what_a_prompt_contains_must_come_before() {
        let check = |text: &str| {
            let steps: Vec<Step> = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
            crate::config::steps::check(&steps).map_err(|(_, problem)| problem)
        };
        assert_eq!(check("[transcribe, caption, chat: {prompt: '{caption} {transcript}'}]"), Ok(()));
        assert_eq!(
            check("[chat: {prompt: '{caption}'}, caption]").unwrap_err(),
            "`chat` needs the result of `caption`, which does not come before it"
        );
        assert!(check("[chat: {prompt: '{picture}'}]").unwrap_err().contains("unknown field `{picture}`"));
        assert!(check("[chat: {temperature: 11}]").unwrap_err().contains("temperature: 11"));
        let both = "[chat: {schema: {type: object}, choices: [a]}]";
        assert!(check(both).unwrap_err().contains("an answer has only one form"));
        assert!(check("[chat: {beams: 2}]").unwrap_err().contains("unknown field `beams`"));
    }
}
