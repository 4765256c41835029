//! Conversations: what a language model reads and writes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::ReplyOptions;
use crate::error::Error;
use crate::media::image::RgbImage;

/// A message of a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// `system`, `user`, `assistant`, or another role that the chat template knows.
    pub role: String,
    /// The text. Tokens with a meaning to the model are plain text in it: it cannot end the message.
    pub content: String,
    /// Pictures and sounds that belong to the text, for models that accept them
    /// ([`Models::attachments`](super::Models::attachments)).
    #[serde(skip)]
    pub attachments: Vec<Attachment>,
}

/// What a message contains apart from text.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum Attachment {
    /// A picture.
    Picture(Arc<RgbImage>),
    /// Mono samples in [-1, 1] at [`Attachment::SAMPLE_RATE`].
    Sound(Arc<[f32]>),
}

impl Attachment {
    /// Sample rate of sounds, in Hz.
    pub const SAMPLE_RATE: u32 = 16_000;

    /// Maximum duration of a sound, in seconds.
    pub const LONGEST_SOUND: u32 = 600;
}

impl fmt::Debug for Attachment {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Attachment::Picture(picture) => write!(formatter, "Picture({} x {})", picture.width(), picture.height()),
            Attachment::Sound(samples) => write!(formatter, "Sound({} samples)", samples.len()),
        }
    }
}

impl Message {
    /// A message.
    pub fn new(role: impl Into<String>, content: impl Into<String>) -> Self {
        Message { role: role.into(), content: content.into(), attachments: Vec::new() }
    }
}

/// A message with what a recording says and pictures show, as text. Without a message, what was heard is the message.
pub fn with_media(message: &str, transcript: Option<&str>, captions: &[String]) -> String {
    let mut parts = Vec::new();
    match (message.trim(), transcript) {
        ("", Some(transcript)) => parts.push(transcript.to_string()),
        (_, Some(transcript)) => parts.extend([message.to_string(), format!("Recording: {transcript}")]),
        ("", None) if !captions.is_empty() => {}
        (_, None) => parts.push(message.to_string()),
    }
    parts.extend(captions.iter().map(|caption| format!("Picture: {caption}")));
    parts.join("\n\n")
}

/// What a language model continues.
#[derive(Debug, Clone, Copy)]
pub enum Prompt<'a> {
    /// The next message of a conversation, through the model's chat template.
    Messages(&'a [Message]),
    /// A text as it is, without a chat template.
    Text(&'a str),
}

/// What a language model wrote.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reply {
    /// The text, without surrounding space.
    pub text: String,
    /// Its tokens, without the one that ended it; empty if the model is behind an endpoint.
    pub tokens: Vec<WrittenToken>,
    /// Number of its tokens; 0 if an endpoint does not report it.
    pub written: usize,
    /// Number of tokens of the prompt.
    pub prompt_tokens: usize,
    /// How many of these were computed for an earlier prompt with the same beginning.
    pub reused_tokens: usize,
    /// Why it ended.
    pub finish: Finish,
    /// Time until the first token was chosen.
    pub first_token: Duration,
    /// Time from the first token to the last.
    pub rest: Duration,
    /// What was left out of the prompt, one line each.
    pub warnings: Vec<String>,
}

/// A token of a [`Reply`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WrittenToken {
    /// Its id.
    pub id: i64,
    /// Its log-probability (natural logarithm), before sampling options.
    pub log_probability: f32,
    /// The most probable tokens in its place, most probable first, if they were asked for.
    pub alternatives: Vec<(i64, f32)>,
}

/// Why a text ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Finish {
    /// The model ended it, or it came to a text of the option `stop`.
    #[default]
    Stop,
    /// It reached the maximum number of tokens.
    Length,
}

impl Reply {
    /// Checks that a text that must have a form was finished: a part of it does not have that form.
    ///
    /// # Errors
    /// [`Error::Input`].
    pub fn check_form(&self, options: &ReplyOptions) -> Result<(), Error> {
        if options.form.is_none() || self.finish == Finish::Stop {
            return Ok(());
        }
        let tokens = self.written;
        let problem = format!("the answer was not complete after {tokens} tokens; raise `max_tokens`");
        Err(Error::Input { problem })
    }

    /// Tokens per second while the prompt was read; `None` without a new token.
    pub fn prefill_rate(&self) -> Option<f64> {
        let count = self.prompt_tokens.saturating_sub(self.reused_tokens);
        let seconds = self.first_token.as_secs_f64();
        (count > 0 && seconds > 0.0).then(|| count as f64 / seconds)
    }

    /// Tokens per second after the first one; `None` for a text of one token.
    pub fn decode_rate(&self) -> Option<f64> {
        let (count, seconds) = (self.written.saturating_sub(1), self.rest.as_secs_f64());
        (count > 0 && seconds > 0.0).then(|| count as f64 / seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::with_media;

    #[test]
    fn what_was_heard_and_seen_follows_the_message() {
        let captions = ["b".to_string(), "c".to_string()];
        assert_eq!(with_media("hi", None, &[]), "hi");
        assert_eq!(with_media("", Some("who?"), &[]), "who?");
        assert_eq!(with_media("Why?", Some("a"), &captions), "Why?\n\nRecording: a\n\nPicture: b\n\nPicture: c");
        assert_eq!(with_media(" ", None, &captions[..1]), "Picture: b");
        assert_eq!(with_media("", None, &[]), "");
    }
}
