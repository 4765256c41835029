//! `chat`: a conversation with a language model, once or line by line.

mod conversation;

use std::io::{self, BufRead, IsTerminal, Read, Write};

use edgefuse::config::ChatOptions;
use edgefuse::config::model_folder::capability;
use edgefuse::models::Models;
use edgefuse::pipeline::{Picture, Said, Sound};

use super::no_subtitles;
use super::start::{device, engine};
use crate::cli::args::{Chat, Global};
use crate::cli::{Outcome, Stop, say};
use conversation::Conversation;

/// Maximum size of a message from standard input.
const LARGEST: u64 = 16 << 20;

/// `chat`
pub(in crate::cli) fn chat(global: &Global, args: &Chat) -> Result<Outcome, Stop> {
    no_subtitles(global)?;
    let message = args.message.join(" ");
    if !args.message.is_empty() && message.trim().is_empty() {
        return Err(Stop::Usage("the message is empty".to_string()));
    }
    let device = device(global, &[capability::CHAT, capability::TRANSCRIBE, capability::CAPTION])?;
    let options = args.options(device.options::<ChatOptions>());
    options.check().map_err(Stop::Usage)?;
    let reply = options.load().map_err(edgefuse::Error::from)?;
    let models = Models::new(engine(global, &device)?, device);
    let given = Said {
        role: "user".to_string(),
        pictures: args.image.iter().cloned().map(Picture::from).collect(),
        sound: args.audio.clone().map(Sound::from),
        ..Said::default()
    };
    let with = |text: &str| Said { text: text.to_string(), ..given.clone() };
    let mut conversation = Conversation::new(global, &models, &options, &reply);
    if !args.message.is_empty() {
        return conversation.say(&with(&message));
    }
    if args.audio.is_some() {
        return conversation.say(&given);
    }
    if io::stdin().is_terminal() {
        return lines(&mut conversation, given);
    }
    let mut text = String::new();
    let read = io::stdin().lock().take(LARGEST).read_to_string(&mut text);
    read.map_err(|error| Stop::Usage(format!("standard input: {error}")))?;
    match text.trim() {
        "" => Err(Stop::Usage("the message is empty".to_string())),
        text => conversation.say(&with(text)),
    }
}

/// One message per line, until the end of standard input.
fn lines(conversation: &mut Conversation, given: Said) -> Result<Outcome, Stop> {
    let mut given = Some(given);
    let mut outcome = Outcome::Done;
    loop {
        let mut err = io::stderr().lock();
        // A prompt that cannot be shown changes nothing.
        let _ = write!(err, "> ").and_then(|()| err.flush());
        drop(err);
        let mut line = String::new();
        let read = io::stdin().lock().take(LARGEST).read_line(&mut line);
        if read.map_err(|error| Stop::Usage(format!("standard input: {error}")))? == 0 {
            say("");
            return Ok(outcome);
        }
        if line.trim().is_empty() {
            continue;
        }
        // Only the first message has the picture and the sound.
        let given = given.take().unwrap_or_else(|| Said { role: "user".to_string(), ..Said::default() });
        if let Outcome::SomeFailed = conversation.say(&Said { text: line.trim().to_string(), ..given })? {
            outcome = Outcome::SomeFailed;
        }
    }
}
