//! Conversations. Pictures and sounds reach a model that accepts them as they are; others read what captions and
//! transcripts say.

use super::fallback::{answered_instead, fallback};
use super::media::{Picture, Sound};
use super::record::Record;
use super::runner::Pipeline;
use super::sources::attached;
use crate::config::model_folder::Modality;
use crate::config::{CaptionOptions, ReplyOptions, Step, TranscribeOptions};
use crate::error::Error;
use crate::models::Models;
use crate::models::capability::Chatter;
use crate::models::chat::{Attachment, Message, Prompt, Reply, with_media};

/// A message before it is sent.
#[derive(Debug, Clone, Default)]
pub struct Said {
    /// `system`, `user`, `assistant`, or another role that the model knows.
    pub role: String,
    /// The text.
    pub text: String,
    /// Pictures.
    pub pictures: Vec<Picture>,
    /// A sound.
    pub sound: Option<Sound>,
}

/// An answer.
#[derive(Debug)]
#[non_exhaustive]
pub struct Conversed {
    /// The answer, with what was left out or guessed.
    pub reply: Reply,
    /// The execution provider of the model that answered.
    pub provider: &'static str,
}

/// Pictures and a sound, as text.
#[derive(Default)]
struct InWords {
    transcript: Option<String>,
    captions: Vec<String>,
    warnings: Vec<String>,
}

impl Said {
    /// The message for the model `named`, or else the only one that chats; `user` asks for it, for errors. Also returns
    /// what was left out or guessed, one line each.
    ///
    /// # Errors
    /// [`Error::Input`], [`Error::Image`] or [`Error::Audio`] for a picture or sound that cannot be used;
    /// [`Error::NoModel`] if the model reads only text and no other captions or transcribes.
    pub fn message(
        &self,
        models: &Models,
        named: Option<&str>,
        user: &'static str,
    ) -> Result<(Message, Vec<String>), Error> {
        let mut message = Message::new(&self.role, &self.text);
        if self.pictures.is_empty() && self.sound.is_none() {
            return Ok((message, Vec::new()));
        }
        let accepted = models.attachments(named, user)?;
        let _admitted = models.admit()?;
        let mut warnings = Vec::new();
        let (mut pictures, mut sound) = (Vec::new(), None);
        match accepted.contains(&Modality::Image) {
            false => pictures.clone_from(&self.pictures),
            true => {
                for picture in &self.pictures {
                    message.attachments.push(Attachment::Picture(picture.decoded(models, &mut warnings)?));
                }
            }
        }
        match &self.sound {
            Some(given) if accepted.contains(&Modality::Audio) => {
                message.attachments.push(attached(given, models, &mut warnings)?);
            }
            other => sound.clone_from(other),
        }
        if !pictures.is_empty() || sound.is_some() {
            let words = in_words(models, pictures, sound, user)?;
            warnings.extend(words.warnings);
            message.content = with_words(&self.text, words.transcript.as_deref(), &words.captions, &mut warnings)?;
        }
        Ok((message, warnings))
    }
}

/// Asks the model `named`, or else the only one that chats. If it is behind an endpoint that is away, its fallback answers,
/// and a warning says so.
///
/// # Errors
/// As [`Chatter::chat`]; others if the model cannot be leased, or the request is not admitted.
pub fn converse(
    models: &Models,
    named: Option<&str>,
    prompt: Prompt,
    options: &ReplyOptions,
    user: &'static str,
) -> Result<Conversed, Error> {
    let _admitted = models.admit()?;
    let error = match ask(models, named, prompt, options, user) {
        Ok(conversed) => return Ok(conversed),
        Err(error) => error,
    };
    let Some(fallback) = fallback::<dyn Chatter>(models, named, &error, user)? else { return Err(error) };
    let mut warnings = vec![answered_instead(&error, fallback)];
    let mut conversed = match prompt {
        Prompt::Text(_) => ask(models, Some(fallback), prompt, options, user)?,
        Prompt::Messages(messages) => {
            let accepted = models.attachments(Some(fallback), user)?;
            let read = |message: &Message| readable(message, &accepted, models, &mut warnings, user);
            let messages = messages.iter().map(read).collect::<Result<Vec<_>, Error>>()?;
            ask(models, Some(fallback), Prompt::Messages(&messages), options, user)?
        }
    };
    conversed.reply.warnings.splice(0..0, warnings);
    Ok(conversed)
}

fn ask(
    models: &Models,
    named: Option<&str>,
    prompt: Prompt,
    options: &ReplyOptions,
    user: &'static str,
) -> Result<Conversed, Error> {
    let model = models.lease::<dyn Chatter>(named, user)?;
    model.prepare_chat()?;
    let reply = model.chat(prompt, options)?;
    Ok(Conversed { reply, provider: model.provider() })
}

/// The message without attachments that are not `accepted`: what they contain, in words.
fn readable(
    message: &Message,
    accepted: &[Modality],
    models: &Models,
    warnings: &mut Vec<String>,
    user: &'static str,
) -> Result<Message, Error> {
    let mut readable = Message { attachments: Vec::new(), ..message.clone() };
    let (mut pictures, mut sound) = (Vec::new(), None);
    for attachment in &message.attachments {
        match attachment {
            Attachment::Picture(picture) if !accepted.contains(&Modality::Image) => {
                pictures.push(Picture::Pixels(picture.clone()));
            }
            Attachment::Sound(samples) if !accepted.contains(&Modality::Audio) => {
                sound = Some(Sound::from_samples(samples.clone(), Attachment::SAMPLE_RATE));
            }
            other => readable.attachments.push(other.clone()),
        }
    }
    if !pictures.is_empty() || sound.is_some() {
        let words = in_words(models, pictures, sound, user)?;
        warnings.extend(words.warnings);
        readable.content = with_words(&message.content, words.transcript.as_deref(), &words.captions, warnings)?;
    }
    Ok(readable)
}

/// Captions and transcribes, in a request that was admitted.
fn in_words(
    models: &Models,
    pictures: Vec<Picture>,
    sound: Option<Sound>,
    user: &'static str,
) -> Result<InWords, Error> {
    let device = models.device();
    let mut words = InWords::default();
    let mut run = |step: Step, record: Record| {
        let result = Pipeline::new(models.clone(), &[step])?.process_admitted(&record, &mut |_, _| {})?;
        if let Some(problem) = result.errors().first() {
            return Err(Error::Input { problem: (*problem).to_string() });
        }
        words.warnings.extend(result.warnings.iter().cloned());
        words.captions.extend(result.caption().map(|it| it.value.best.text.clone()));
        if let Some(transcript) = result.transcript() {
            words.transcript = Some(transcript.value.text.trim().to_string());
        }
        Ok(())
    };
    if let Some(sound) = sound {
        let mut options = device.options::<TranscribeOptions>();
        options.language.get_or_insert_with(|| "auto".to_string());
        run(options.into(), Record::default().with_audio(sound))?;
    }
    if !pictures.is_empty() {
        let options = device.options::<CaptionOptions>();
        models.chosen::<dyn crate::models::capability::Captioner>(options.model.as_deref(), user)?;
        for picture in pictures {
            run(options.clone().into(), Record::default().with_image(picture))?;
        }
    }
    Ok(words)
}

/// A text with what was heard and seen; `transcript` is empty if nothing was said.
fn with_words(
    text: &str,
    transcript: Option<&str>,
    captions: &[String],
    warnings: &mut Vec<String>,
) -> Result<String, Error> {
    let silent = transcript.is_some_and(str::is_empty);
    if silent && text.trim().is_empty() && captions.is_empty() {
        return Err(Error::Input { problem: "no speech was recognised, so there is no message".to_string() });
    }
    if silent {
        warnings.push("no speech was recognised in the recording".to_string());
    }
    Ok(with_media(text, transcript.filter(|_| !silent), captions))
}
