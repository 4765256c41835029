//! The choices among the options of `transcribe`.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};

use crate::config::VadOptions;

/// What Whisper is asked to write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// The words, in the language spoken.
    #[default]
    Transcribe,
    /// The words in English.
    Translate,
}

/// How fine the times of a transcript are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Timestamps {
    /// No times: one segment a 30 s window.
    None,
    /// A start and an end for each segment, as the model marks them.
    #[default]
    Segment,
    /// A start and an end for each word as well.
    Word,
}

/// How much of 30 s the encoder hears of a window with less sound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EncoderContext {
    /// All 30 s, silence behind the sound: what the model was trained on.
    #[default]
    Full,
    /// The sound and a little silence: faster for short recordings, at some risk of other words.
    Adaptive,
}

/// Temperatures in the order they are tried.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(from = "OneOrMore")]
pub struct Temperatures(pub Vec<f32>);

impl Default for Temperatures {
    fn default() -> Self {
        Temperatures(vec![0.0, 0.2, 0.4, 0.6, 0.8, 1.0])
    }
}

/// Whether and how speech is looked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Vad {
    /// Whether it is, where the device has a model for it.
    pub on: bool,
    /// How; the defaults, which differ for recordings and for sound that is still coming, where it is left out.
    pub options: Option<VadOptions>,
}

impl Default for Vad {
    fn default() -> Self {
        Vad { on: true, options: None }
    }
}

/// `false`, `true`, or options; not an untagged enum, whose message would not name the key that is wrong.
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
