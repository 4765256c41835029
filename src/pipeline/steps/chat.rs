//! `chat`: a language model's answer to a prompt made of the earlier results.

use std::path::Path;
use std::time::Instant;

use super::caption::caption;
use super::transcribe::transcribe;
use super::{Context, StepKind, StepOutcome, Use, timed};
use crate::config::model_folder::{Modality, capability};
use crate::config::{ChatOptions, Field, ReplyOptions};
use crate::error::Error;
use crate::models::capability::Chatter;
use crate::models::chat::{Attachment, Message, Prompt, Reply, with_media};
use crate::models::fusion::SensorReadings;
use crate::pipeline::about_pictures::{AnswerText, CaptionText};
use crate::pipeline::fallback::{answered_instead, fallback};
use crate::pipeline::replies::ReplyText;
use crate::pipeline::sources::attached;

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
        let mut uses = vec![
            Use::required(capability::CHAT, options.model.as_deref()),
            // Without a prompt of its own it answers what was said.
            Use::optional(capability::TRANSCRIBE, None),
            Use::optional(capability::DETECT_SPEECH, None),
        ];
        if options.image {
            uses.push(Use::optional(capability::CAPTION, None));
        }
        uses
    }

    fn run(&self, context: &mut Context) -> StepOutcome<ReplyText> {
        let started = Instant::now();
        let Some(prompt) = self.prompt(context)? else { return Ok(None) };
        let named = self.options.model.as_deref();
        let models = context.models;
        let (mut answered, mut instead) = (self.answer(context, named, &prompt), Vec::new());
        if let Err(error) = &answered
            && let Some(fallback) = fallback::<dyn Chatter>(models, named, error, NAME)?
        {
            instead.push(answered_instead(error, fallback));
            answered = self.answer(context, Some(fallback), &prompt);
        }
        let (reply, provider) = answered?;
        reply.check_form(&self.reply)?;
        let name = context.record.name();
        context.sources.warn(Path::new(&name), instead.iter().chain(&reply.warnings));
        Ok(Some(timed(ReplyText::from(&reply), started, provider)))
    }
}

impl Chat {
    /// The answer of the model `named`, or else the only one that chats.
    fn answer(&self, context: &mut Context, named: Option<&str>, prompt: &str) -> Result<(Reply, &'static str), Error> {
        let system = self.options.system.iter().map(|text| Message::new("system", text));
        let message = self.message(context, &context.models.attachments(named, NAME)?, prompt)?;
        let messages: Vec<Message> = system.chain([message]).collect();
        let model = context.models.lease::<dyn Chatter>(named, NAME)?;
        model.prepare_chat()?;
        Ok((model.chat(Prompt::Messages(&messages), &self.reply)?, model.provider()))
    }

    /// The prompt with the record's picture and sound, if they are part of it: as they are for a model that accepts them, or
    /// else in words.
    fn message(&self, context: &mut Context, accepted: &[Modality], prompt: &str) -> Result<Message, Error> {
        let (mut attachments, mut captions, mut transcript) = (Vec::new(), Vec::new(), None);
        let mut warnings = Vec::new();
        let models = context.models;
        match context.sources.image().filter(|_| self.options.image) {
            Some(picture) if accepted.contains(&Modality::Image) => {
                attachments.push(Attachment::Picture(picture.decoded(models, &mut warnings)?));
            }
            Some(_) => captions.extend(captioned(context)?),
            None => {}
        }
        match context.record.audio.as_ref().filter(|_| self.options.audio) {
            Some(sound) if accepted.contains(&Modality::Audio) => {
                attachments.push(attached(sound, models, &mut warnings)?);
            }
            Some(_) => transcript = transcribed(context)?.filter(|text| text.trim() != prompt.trim()),
            None => {}
        }
        let name = context.record.name();
        context.sources.warn(Path::new(&name), warnings);
        let content = with_media(prompt, transcript.as_deref(), &captions);
        Ok(Message { attachments, ..Message::new("user", content) })
    }

    /// The prompt; `None` if the record has nothing that it is about.
    fn prompt(&self, context: &mut Context) -> Result<Option<String>, Error> {
        let attached =
            self.options.image && context.sources.has_image() || self.options.audio && context.sources.has_audio();
        let Some(template) = &self.options.prompt else {
            return if attached {
                Ok(Some(context.spoken_or_written().unwrap_or_default()))
            } else {
                spoken_or_written(context)
            };
        };
        let values: Vec<(&Field, Option<String>)> =
            template.fields().map(|field| (field, value(context, field))).collect();
        if !values.is_empty() && !attached && values.iter().all(|(_, value)| value.is_none()) {
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
        None if context.sources.has_audio() => transcribed(context)?,
        text => text,
    };
    Ok(text.filter(|text| !text.trim().is_empty()))
}

/// The transcript of the record's sound, which is made for this if no earlier step did.
fn transcribed(context: &mut Context) -> Result<Option<String>, Error> {
    if let Some(transcript) = context.transcript() {
        return Ok(Some(transcript.text.clone()));
    }
    let options = context.transcribe_options();
    Ok(transcribe(context, &options)?.map(|spoken| spoken.value.text))
}

/// The caption of the record's picture, which is made for this if no earlier step did.
fn captioned(context: &mut Context) -> Result<Option<String>, Error> {
    if let Some(caption) = context.done.get::<CaptionText>("caption") {
        return Ok(Some(caption.value.best.text.clone()));
    }
    let options = context.device().options();
    Ok(caption(context, &options)?.map(|seen| seen.value.best.text))
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
