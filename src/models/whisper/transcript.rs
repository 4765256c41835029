//! What a transcription gives.

use serde::{Serialize, Serializer};

use crate::models::vad::{Edge, SpeechMap};

/// The transcript of one recording.
#[derive(Debug, Clone, Serialize)]
pub struct Transcript {
    /// The whole text.
    pub text: String,
    /// Language code, as asked for or detected; absent where there was no speech to detect it from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Probability of the detected language, in [0, 1]; absent where the language was given or the model knows but
    /// one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language_probability: Option<f32>,
    /// The detected languages with a probability of at least 0.01, the most probable first.
    #[serde(rename = "language_probabilities", serialize_with = "as_map", skip_serializing_if = "Vec::is_empty")]
    pub languages: Vec<(String, f32)>,
    /// Length of the recording in seconds.
    pub duration: f64,
    /// Seconds of it that hold speech; absent where speech was not looked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speech: Option<f64>,
    /// The text in pieces, in order of time.
    pub segments: Vec<Segment>,
    /// What was left out of the recording, substituted or guessed; a record's result holds it beside all steps.
    #[serde(skip)]
    pub warnings: Vec<String>,
}

/// A piece of a transcript.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Segment {
    /// Seconds from the start of the recording.
    pub start: f64,
    /// Seconds from the start of the recording.
    pub end: f64,
    /// The text.
    pub text: String,
    /// Token ids, timestamps among them.
    pub tokens: Vec<i64>,
    /// The temperature at which the window's tokens were chosen.
    pub temperature: f32,
    /// Mean log-probability of the window's tokens.
    pub avg_logprob: f32,
    /// Bytes of the window's text over its bytes after `zlib`.
    pub compression_ratio: f32,
    /// Probability that the window holds no speech, in [0, 1].
    pub no_speech_prob: f32,
    /// The words with their times; absent where they were not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub words: Option<Vec<Word>>,
}

impl Segment {
    /// Takes the times from the speech alone to the recording.
    pub(super) fn place(&mut self, map: &SpeechMap, sample_rate: u32) {
        self.start = map.seconds(self.start, Edge::Start, sample_rate);
        self.end = map.seconds(self.end, Edge::End, sample_rate).max(self.start);
        for word in self.words.iter_mut().flatten() {
            (word.start, word.end) = map.span(word.start, word.end, sample_rate);
        }
    }

    /// Without the space that the text starts with.
    pub(super) fn trimmed(mut self) -> Self {
        self.text = self.text.trim().to_string();
        self
    }
}

/// A word of a segment, with the punctuation that stands at it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Word {
    /// The word, with the space it starts with: joined, the words of a segment are its text.
    pub word: String,
    /// Seconds from the start of the recording.
    pub start: f64,
    /// Seconds from the start of the recording.
    pub end: f64,
    /// Mean probability of the word's tokens, in [0, 1].
    pub probability: f32,
}

/// `{"en": 0.98, "de": 0.01}`, in order.
fn as_map<S: Serializer>(languages: &[(String, f32)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(languages.iter().map(|(code, probability)| (code, probability)))
}
