//! Enumerated options of `transcribe`.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};

use crate::config::VadOptions;

/// Whisper's task.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// The words, in the language spoken.
    #[default]
    Transcribe,
    /// The words in English.
    Translate,
}

/// Granularity of a transcript's times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Timestamps {
    /// No times: one segment per 30 s window.
    None,
    /// Start and end of each segment, as predicted by the model.
    #[default]
    Segment,
    /// Also start and end of each word.
    Word,
}

/// How much of the 30 s window is encoded when there is less sound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EncoderContext {
    /// As `Adaptive`, and again as `Full` where the text gives reason to doubt it. Only greedy search starts with a
    /// shortened context: beams repeat themselves in it.
    Auto,
    /// All 30 s, padded with silence: what the model was trained on.
    #[default]
    Full,
    /// The sound and a little silence: faster for short recordings, but it can change words.
    Adaptive,
}

/// Temperatures, in the order in which they are tried.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(from = "OneOrMore")]
pub struct Temperatures(pub Vec<f32>);

impl Default for Temperatures {
    fn default() -> Self {
        Temperatures(vec![0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    }
}

/// Voice activity detection: on or off, and its options.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Vad {
    /// Whether it is used, if the device has a model for it.
    pub on: bool,
    /// Its options; if `None`, the defaults, which differ between recordings and live sound.
    pub options: Option<VadOptions>,
}

impl Default for Vad {
    fn default() -> Self {
        Vad { on: true, options: None }
    }
}

/// `false`, `true`, or options. Not an untagged enum, because its error message would not name the wrong key.
impl<'de> Deserialize<'de> for Vad {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OnOrOptions;

        impl<'de> Visitor<'de> for OnOrOptions {
            type Value = Vad;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("true, false, or options such as {threshold: 0.5}")
            }

            fn visit_bool<E>(self, on: bool) -> Result<Vad, E> {
                Ok(Vad { on, ..Vad::default() })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Vad, A::Error> {
                VadOptions::deserialize(MapAccessDeserializer::new(map))
                    .map(|options| Vad { on: true, options: Some(options) })
            }
        }

        deserializer.deserialize_any(OnOrOptions)
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "must be a number or a list of numbers")]
enum OneOrMore {
    One(f32),
    More(Vec<f32>),
}

impl From<OneOrMore> for Temperatures {
    fn from(given: OneOrMore) -> Self {
        Temperatures(match given {
            OneOrMore::One(temperature) => vec![temperature],
            OneOrMore::More(temperatures) => temperatures,
        })
    }
}
