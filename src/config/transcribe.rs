//! The options of `transcribe`.

use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::vad_options::VadOptions;

/// Options of `transcribe`. Names and defaults are those of openai-whisper's `transcribe`, where it has them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TranscribeOptions {
    /// A language code of the model (`en`), or `auto` to detect it.
    pub language: Option<String>,
    /// Transcribe in the language spoken, or translate to English.
    pub task: Task,
    /// How fine the times are.
    pub timestamps: Timestamps,

    /// Text that stands before the first window, as if it had been said: names, spelling, style.
    pub initial_prompt: Option<String>,
    /// Words that stand before every window, so that the model expects them.
    pub hotwords: Option<String>,
    /// Whether each window is told the text of those before it.
    pub condition_on_previous_text: bool,

    /// Texts that beam search goes on with; 1 is greedy search.
    pub beams: usize,
    /// Beam search ends a window with `beams * patience` finished texts.
    pub patience: f32,
    /// Exponent of the length that texts are compared with, in [0, 1]; the plain length where it is left out.
    pub length_penalty: Option<f32>,
    /// Texts drawn at a temperature above 0, of which the most probable is taken.
    pub best_of: usize,
    /// Start of the random numbers at a temperature above 0: the same seed gives the same text.
    pub seed: u64,
    /// Tried one after the other until the text of a window is good enough. 0 is greedy or beam search.
    pub temperature: Temperatures,
    /// A text that `zlib` makes more than this many times smaller repeats itself: the next temperature is tried.
    pub compression_ratio_threshold: Option<f32>,
    /// A text with a mean log-probability below it is doubtful: the next temperature is tried.
    pub logprob_threshold: Option<f32>,
    /// A window with a probability of no speech above it, and a text doubtful by `logprob_threshold`, is silence.
    pub no_speech_threshold: Option<f32>,
    /// Token ids that are never written; -1 stands for the model's own list.
    pub suppress_tokens: Vec<i64>,

    /// How much of 30 s the encoder hears of a shorter window.
    pub encoder_context: EncoderContext,
    /// Windows decoded side by side. From 2 on, windows are the stretches of speech that `models.vad` finds.
    pub batch_size: usize,
    /// Speech is looked for, and only speech decoded, where the device has `models.vad`: `false` turns that off, options
    /// change it.
    pub vad: Vad,
}

impl Default for TranscribeOptions {
    fn default() -> Self {
        TranscribeOptions {
            language: None,
            task: Task::default(),
            timestamps: Timestamps::default(),
            initial_prompt: None,
            hotwords: None,
            condition_on_previous_text: true,
            beams: 1,
            patience: 1.0,
            length_penalty: None,
            best_of: 5,
            seed: 0,
            temperature: Temperatures::default(),
            compression_ratio_threshold: Some(2.4),
            logprob_threshold: Some(-1.0),
            no_speech_threshold: Some(0.6),
            suppress_tokens: vec![-1],
            encoder_context: EncoderContext::default(),
            batch_size: 1,
            vad: Vad::default(),
        }
    }
}

/// More than any board can hold.
const MOST_AT_ONCE: usize = 64;

impl TranscribeOptions {
    /// Checks what their types do not.
    ///
    /// # Errors
    /// The problem: which option, and what it takes.
    pub fn check(&self) -> Result<(), String> {
        for (name, value) in [("beams", self.beams), ("best_of", self.best_of), ("batch_size", self.batch_size)] {
            if !(1..=MOST_AT_ONCE).contains(&value) {
                return Err(format!("{name}: {value} is not within 1 to {MOST_AT_ONCE}"));
            }
        }
        if !(self.patience > 0.0 && self.patience <= 16.0) {
            return Err(format!("patience: {} is not above 0 and at most 16", self.patience));
        }
        if self.length_penalty.is_some_and(|alpha| !(0.0..=1.0).contains(&alpha)) {
            return Err("length_penalty: must be within 0 to 1".to_string());
        }
        let Temperatures(temperatures) = &self.temperature;
        if temperatures.is_empty() || temperatures.len() > 16 || !temperatures.iter().all(|t| (0.0..=2.0).contains(t)) {
            return Err("temperature: must be one number within 0 to 2, or a list of up to 16".to_string());
        }
        self.vad.options.unwrap_or_default().check().map_err(|problem| format!("vad: {problem}"))?;
        for (name, value) in [
            ("compression_ratio_threshold", self.compression_ratio_threshold),
            ("logprob_threshold", self.logprob_threshold),
            ("no_speech_threshold", self.no_speech_threshold),
        ] {
            if value.is_some_and(|value| !value.is_finite()) {
                return Err(format!("{name}: must be a number, or null to turn the rule off"));
            }
        }
        Ok(())
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<TranscribeOptions, String> {
        let options: TranscribeOptions = serde_yaml::from_str(text).map_err(|error| error.to_string())?;
        options.check().map(|()| options)
    }

    #[test]
    fn reads_one_temperature_or_several_and_turns_rules_off() {
        assert_eq!(read("temperature: 0").unwrap().temperature, Temperatures(vec![0.0]));
        assert_eq!(read("temperature: [0, 0.5]").unwrap().temperature, Temperatures(vec![0.0, 0.5]));
        assert_eq!(read("logprob_threshold: null").unwrap().logprob_threshold, None);
        assert_eq!(read("encoder_context: adaptive").unwrap().encoder_context, EncoderContext::Adaptive);
        assert!(!read("vad: false").unwrap().vad.on);
        assert_eq!(read("vad: {threshold: 0.4}").unwrap().vad.options.unwrap().threshold, 0.4);
        assert_eq!(read("{}").unwrap(), TranscribeOptions::default());
    }

    #[test]
    fn names_the_option_that_is_out_of_range() {
        for (text, told) in [
            ("beams: 0", "beams: 0 is not within 1 to 64"),
            ("batch_size: 1000", "batch_size: 1000"),
            ("patience: 0", "patience"),
            ("patience: .nan", "patience"),
            ("length_penalty: 2", "length_penalty"),
            ("temperature: []", "temperature"),
            ("temperature: [0, 7]", "temperature"),
            ("no_speech_threshold: .nan", "no_speech_threshold"),
            ("beam: 3", "unknown field `beam`"),
            ("vad: {treshold: 0.5}", "unknown field `treshold`, expected one of `threshold`"),
            ("vad: {threshold: 2}", "vad: threshold: 2 is not between 0 and 1"),
            ("vad: 3", "true, false, or options"),
            ("encoder_context: half", "unknown variant `half`"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
