//! The messages of a chat, with pictures and recordings as text.

use edgefuse::Record;
use edgefuse::config::{CaptionOptions, Step, TranscribeOptions};
use edgefuse::models::chat::{Message, with_media};
use edgefuse::pipeline::{Picture, Sound};

use crate::serve::http::Api;
use crate::serve::http::failure::Failure;
use crate::serve::http::work::whole;

/// A message as it was sent.
pub struct Said {
    pub role: String,
    pub text: String,
    pub pictures: Vec<Picture>,
    pub sound: Option<Sound>,
}

/// The conversation: a picture becomes its caption, and a recording its transcript, by other models of the device.
pub async fn conversation(api: &Api, said: Vec<Said>) -> Result<Vec<Message>, Failure> {
    let mut messages = Vec::with_capacity(said.len());
    for message in said {
        let (transcript, captions) = read(api, message.pictures, message.sound).await?;
        let role = match message.role.as_str() {
            "developer" => "system".to_string(),
            _ => message.role,
        };
        messages.push(Message::new(role, with_media(&message.text, transcript.as_deref(), &captions)));
    }
    match messages.is_empty() {
        true => Err(Failure::field("messages", "there is no message")),
        false => Ok(messages),
    }
}

async fn read(
    api: &Api,
    pictures: Vec<Picture>,
    sound: Option<Sound>,
) -> Result<(Option<String>, Vec<String>), Failure> {
    let (mut transcript, mut captions) = (None, Vec::new());
    let board = api.service.board();
    if let Some(sound) = sound {
        let mut options = board.device().options::<TranscribeOptions>();
        options.language.get_or_insert_with(|| "auto".to_string());
        let record = Record::default().with_audio(sound);
        let result = api.process_one(api.request(), None, vec![options.into()], record).await?;
        transcript = result.transcript().map(|it| it.value.text.trim().to_string());
    }
    if !pictures.is_empty() {
        let steps: Vec<Step> = vec![board.device().options::<CaptionOptions>().into()];
        let records = pictures.into_iter().map(|picture| Record::default().with_image(picture)).collect();
        for result in api.process(api.request(), None, steps, records).await? {
            whole(&result)?;
            captions.extend(result.caption().map(|it| it.value.best.text.clone()));
        }
    }
    Ok((transcript, captions))
}
