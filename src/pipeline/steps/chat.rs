//! `chat`: a language model's answer to a prompt made of the earlier results.

use std::path::Path;
use std::time::Instant;

use super::transcribe::transcribe;
use super::{Context, StepKind, StepOutcome, Use, timed};
use crate::config::model_folder::capability;
use crate::config::{ChatOptions, Field, ReplyOptions};
use crate::error::Error;
use crate::models::capability::Chatter;
use crate::models::chat::{Message, Prompt};
use crate::models::fusion::SensorReadings;
use crate::pipeline::about_pictures::{AnswerText, CaptionText};
use crate::pipeline::replies::ReplyText;

const NAME: &str = "chat";

pub(super) struct Chat {
    options: ChatOptions,
    /// With the form of the answer.
    reply: ReplyOptions,
}

impl StepKind for Chat {
    type Options = ChatOptions;
    type Value = ReplyText;

    const KEY: &'static str = "reply";

    fn new(options: &ChatOptions) -> Result<Self, Error> {
        Ok(Chat { options: options.clone(), reply: options.load()? })
    }

    fn uses(options: &ChatOptions) -> Vec<Use<'_>> {
        vec![
            Use::required(capability::CHAT, options.model.as_deref()),
            // Without a prompt of its own it answers what was said.
            Use::optional(capability::TRANSCRIBE, None),
            Use::optional(capability::DETECT_SPEECH, None),
        ]
    }

    fn run(&self, context: &mut Context) -> StepOutcome<ReplyText> {
        let started = Instant::now();
        let Some(prompt) = self.prompt(context)? else { return Ok(None) };
        let system = self.options.system.iter().map(|text| Message::new("system", text));
        let messages: Vec<Message> = system.chain([Message::new("user", prompt)]).collect();
        let model = context.models.lease::<dyn Chatter>(self.options.model.as_deref(), NAME)?;
        model.prepare_chat()?;
        let reply = model.chat(Prompt::Messages(&messages), &self.reply)?;
        reply.check_form(&self.reply)?;
        let name = context.record.name();
        context.sources.warn(Path::new(&name), &reply.warnings);
        Ok(Some(timed(ReplyText::from(&reply), started, model.provider())))
    }
}

impl Chat {
    /// The prompt; `None` if the record has nothing that it is about.
    fn prompt(&self, context: &mut Context) -> Result<Option<String>, Error> {
        let Some(template) = &self.options.prompt else { return spoken_or_written(context) };
        let values: Vec<(&Field, Option<String>)> =
            template.fields().map(|field| (field, value(context, field))).collect();
        if !values.is_empty() && values.iter().all(|(_, value)| value.is_none()) {
            return Ok(None);
        }
        let missing: Vec<String> = values
            .iter()
            .filter(|(_, value)| value.is_none())
            .map(|(field, _)| format!("the prompt's {{{field}}} is empty: the record has none"))
            .collect();
        let name = context.record.name();
        context.sources.warn(Path::new(&name), missing);
        let mut values = values.into_iter();
        Ok(Some(template.filled(|_| values.next().and_then(|(_, value)| value).unwrap_or_default())))
    }
}

/// The record's text, or else the transcript of its sound, which is made for this if no earlier step did.
fn spoken_or_written(context: &mut Context) -> Result<Option<String>, Error> {
    let text = context.spoken_or_written();
    let text = match text {
        None if context.sources.has_audio() => {
            let options = context.transcribe_options();
            transcribe(context, &options)?.map(|spoken| spoken.value.text)
        }
        text => text,
    };
    Ok(text.filter(|text| !text.trim().is_empty()))
}

/// The value of a field, if the record has one.
fn value(context: &Context, field: &Field) -> Option<String> {
    let text = match field {
        Field::Text => context.record.text.clone()?,
        Field::Transcript => context.transcript()?.text.clone(),
        Field::Caption => context.done.get::<CaptionText>("caption")?.value.best.text.clone(),
        Field::Answer => context.done.get::<AnswerText>("answer")?.value.text.clone(),
        Field::Sensor(name) => match context.record.sensors.as_ref()? {
            SensorReadings::Named(readings) => readings.get(name)?.to_string(),
            // A list has no names.
            SensorReadings::Listed(_) => return None,
        },
    };
    Some(text).filter(|text| !text.trim().is_empty())
}
