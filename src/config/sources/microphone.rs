//! Addresses of microphones.

use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error};

/// A microphone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Microphone {
    /// Where its sound comes from.
    pub address: MicrophoneAddress,
    /// The sample rate that it is asked for, in Hz. Any is accepted.
    pub rate: u32,
    /// Which of its channels is heard.
    pub channel: Channel,
    /// Sound before speech is detected that is part of an utterance.
    pub pre_roll: Duration,
    /// Amount of new speech after which a partial text is reported; none if `None`.
    pub partial: Option<Duration>,
}

/// Where sound comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MicrophoneAddress {
    /// An ALSA device, such as `default`, `hw:1,0` or `plughw:CARD=USB` (`alsa://default`).
    Alsa(String),
    /// A command, whose standard output is a WAV stream, or raw 16-bit mono samples at 16 kHz (`exec:`).
    Command(Vec<String>),
}

/// Which channels of a microphone are heard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Channel {
    /// The mix of all.
    #[default]
    Mix,
    /// One, counted from 0.
    One(u16),
}

impl MicrophoneAddress {
    /// Reads an address.
    ///
    /// # Errors
    /// One line that lists the kinds of address.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(command) = text.strip_prefix("exec:") {
            return command_line(command).map(MicrophoneAddress::Command);
        }
        match text.strip_prefix("alsa://") {
            Some(device) if !device.is_empty() && !device.contains(char::is_control) => {
                Ok(MicrophoneAddress::Alsa(device.to_string()))
            }
            _ => Err(format!(
                "`{}` is not a microphone; write alsa://default, alsa://hw:1,0 or exec:COMMAND",
                text.escape_debug()
            )),
        }
    }
}

/// Divides a command into its words, by the quoting rules of a POSIX shell. No shell runs it: variables, pipes and the
/// like have no meaning.
pub(super) fn command_line(command: &str) -> Result<Vec<String>, String> {
    match shlex::split(command) {
        Some(words) if words.first().is_some_and(|program| !program.is_empty()) && !command.contains('\0') => Ok(words),
        Some(_) => Err("`exec:` has no command; write exec:PROGRAM ARGUMENTS".to_string()),
        None => Err(format!("`exec:{}` has an unclosed quote", command.escape_debug())),
    }
}

impl<'de> Deserialize<'de> for MicrophoneAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        MicrophoneAddress::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Channel {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "must be `mix` or the number of a channel, counted from 0")]
        enum Written {
            Number(u16),
            Word(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(number) => Ok(Channel::One(number)),
            Written::Word(word) if word == "mix" => Ok(Channel::Mix),
            Written::Word(word) => {
                Err(D::Error::custom(format!("`{word}` must be `mix` or the number of a channel, counted from 0")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_apart() {
        assert_eq!(MicrophoneAddress::parse("alsa://hw:1,0"), Ok(MicrophoneAddress::Alsa("hw:1,0".into())));
        let words = ["arecord", "-f", "S16_LE"].map(String::from).to_vec();
        assert_eq!(MicrophoneAddress::parse("exec:arecord -f S16_LE"), Ok(MicrophoneAddress::Command(words)));
        for text in ["", "default", "alsa://", "pulse://x", "exec:  ", "exec:\"", "exec:''"] {
            assert!(MicrophoneAddress::parse(text).is_err(), "{text}");
        }
    }
}
