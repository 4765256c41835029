//! The result of a transcription.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The transcript of one recording.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Transcript {
    /// The whole text.
    pub text: String,
    /// Language code, requested or detected (the first one if the language changes); absent if there was no speech to
    /// detect it from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Probability of the detected language, in [0, 1]; absent if the language was requested or the model has only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language_probability: Option<f32>,
    /// The detected languages with a probability of at least 0.01, most probable first.
    #[serde(
        rename = "language_probabilities",
        default,
        serialize_with = "as_map",
        deserialize_with = "from_map",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub languages: Vec<(String, f32)>,
    /// Length of the recording in seconds.
    pub duration: f64,
    /// Seconds of it that contain speech; absent if speech detection did not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speech: Option<f64>,
    /// The segments of the text, in order of time.
    pub segments: Vec<Segment>,
    /// What was left out of the recording, substituted or guessed. The result of a record has the warnings of all
    /// steps.
    #[serde(skip)]
    pub warnings: Vec<String>,
}

/// Events of a live transcription.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum LiveEvent {
    /// Preliminary text of speech that has not ended. It may change.
    Partial {
        /// Seconds from the start of the stream.
        start: f64,
        /// Seconds from the start of the stream.
        end: f64,
        /// The text.
        text: String,
    },
    /// A segment that will not change.
    Final(Segment),
    /// Speech begins. Its segments follow, then [`LiveEvent::SpeechEnded`].
    #[serde(rename = "speech_started")]
    SpeechStarted {
        /// Seconds from the start of the stream.
        start: f64,
    },
    /// Speech ended, and all of its segments were reported; there is none if nothing was understood.
    #[serde(rename = "speech_ended")]
    SpeechEnded {
        /// Seconds from the start of the stream.
        end: f64,
    },
}

/// A segment of a transcript.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Segment {
    /// Seconds from the start of the recording.
    pub start: f64,
    /// Seconds from the start of the recording.
    pub end: f64,
    /// The text.
    pub text: String,
    /// Index of its channel, from 0, if channels are transcribed separately.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<usize>,
    /// Language code, if the language was detected more than once or channels differ in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Token ids, including timestamps.
    pub tokens: Vec<i64>,
    /// The temperature at which the window's tokens were chosen.
    pub temperature: f32,
    /// Mean log-probability of the window's tokens.
    pub avg_logprob: f32,
    /// Bytes of the window's text over the bytes of its `zlib` compression.
    pub compression_ratio: f32,
    /// Probability that the window contains no speech, in [0, 1].
    pub no_speech_prob: f32,
    /// The log-probabilities of the text's tokens; absent unless requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<Vec<TokenLogprob>>,
    /// The words with their times; absent unless requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub words: Option<Vec<Word>>,
}

/// The log-probability of a token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TokenLogprob {
    /// Its text; U+FFFD stands for bytes that are part of a character only.
    pub token: String,
    /// Natural logarithm of its probability, after the rules that leave out tokens.
    pub logprob: f32,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl TokenLogprob {
    pub(crate) fn new(bytes: &[u8], logprob: f32) -> Self {
        TokenLogprob { token: String::from_utf8_lossy(bytes).into_owned(), logprob, bytes: bytes.to_vec() }
    }
}

impl Segment {
    /// A segment with nothing but times and text. Times are in seconds from the start of the recording.
    pub fn new(start: f64, end: f64, text: impl Into<String>) -> Self {
        Segment {
            start,
            end,
            text: text.into(),
            channel: None,
            language: None,
            tokens: Vec::new(),
            temperature: 0.0,
            avg_logprob: 0.0,
            compression_ratio: 0.0,
            no_speech_prob: 0.0,
            logprobs: None,
            words: None,
        }
    }

    /// Prefix for the text of a channel: `channel 0: `; empty for a mix.
    pub fn speaker(&self) -> String {
        self.channel.map(|channel| format!("channel {channel}: ")).unwrap_or_default()
    }

    /// Moves times that lie slightly outside the sound of the segment, because they are inaccurate, to its edge.
    pub(super) fn keep_within(&mut self, start: f64, end: f64) {
        for word in self.words.iter_mut().flatten() {
            (word.start, word.end) = (word.start.clamp(start, end), word.end.clamp(start, end));
        }
        (self.start, self.end) = (self.start.clamp(start, end), self.end.clamp(start, end));
    }

    /// Removes the space at the start of the text.
    pub(super) fn trimmed(mut self) -> Self {
        self.text = self.text.trim().to_string();
        self
    }
}

/// A word of a segment, with adjacent punctuation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Word {
    /// The word, including its leading space: concatenated, the words of a segment are its text.
    pub word: String,
    /// Seconds from the start of the recording.
    pub start: f64,
    /// Seconds from the start of the recording.
    pub end: f64,
    /// Mean probability of the word's tokens, in [0, 1].
    pub probability: f32,
}

impl Word {
    /// A word, including its leading space. Times are in seconds from the start of the recording.
    pub fn new(word: impl Into<String>, start: f64, end: f64, probability: f32) -> Self {
        Word { word: word.into(), start, end, probability }
    }
}

/// `{"en": 0.98, "de": 0.01}`, in order.
fn as_map<S: Serializer>(languages: &[(String, f32)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(languages.iter().map(|(code, probability)| (code, probability)))
}

fn from_map<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, f32)>, D::Error> {
    struct Pairs;

    impl<'de> Visitor<'de> for Pairs {
        type Value = Vec<(String, f32)>;

        fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
            formatter.write_str("probabilities by language code")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut pairs = Vec::new();
            while let Some(pair) = map.next_entry()? {
                pairs.push(pair);
            }
            Ok(pairs)
        }
    }

    deserializer.deserialize_map(Pairs)
}

#[cfg(test)]
pub(super) fn segment(start: f64, end: f64, words: &[(&str, f64, f64, f32)]) -> Segment {
    let words = words.iter().map(|&(word, start, end, probability)| Word::new(word, start, end, probability));
    Segment { words: Some(words.collect()), ..Segment::new(start, end, "") }
}
