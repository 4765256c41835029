//! The options of `transcribe`.

mod channels;
mod choices;
mod clips;

use serde::Deserialize;

pub use channels::Channels;
pub use choices::{EncoderContext, Task, Temperatures, Timestamps, Vad};
pub use clips::Clips;

use super::{NamedStep, StepOptions};

/// Options of `transcribe`. Names and defaults are those of openai-whisper's `transcribe` if it has the option.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TranscribeOptions {
    /// Name of the model under `models`; the only one that transcribes if `None`.
    pub model: Option<String>,
    /// Name of the voice activity detector under `models`; the only one if `None`.
    pub vad_model: Option<String>,

    /// The language spoken: a code (`en`, `en-US`, `eng`) or an English name, or `auto` to detect it.
    pub language: Option<String>,
    /// Whether the language may change within the recording. `true`: it is detected in every window; `false`: once;
    /// `None`: again after each long pause that `models.vad` finds. Only if `language` is `auto`.
    pub multilingual: Option<bool>,
    /// Maximum number of 30 s windows used to detect the language. The first one with a language more probable than
    /// `language_detection_threshold` decides; otherwise the majority does.
    pub language_detection_segments: usize,
    /// Probability above which a detected language is confident, in [0, 1].
    pub language_detection_threshold: f32,
    /// Transcribe in the language spoken, or translate to English.
    pub task: Task,
    /// Granularity of the times.
    pub timestamps: Timestamps,

    /// Whether segments have the log-probabilities of their tokens.
    pub logprobs: bool,

    /// Which channels are transcribed: their mix, each separately, or one.
    pub channels: Channels,
    /// Only these parts of the recording are transcribed, without voice activity detection.
    pub clip_timestamps: Clips,

    /// Text that precedes the first window, as if it had been said: names, spelling, style.
    pub initial_prompt: Option<String>,
    /// Whether the initial prompt precedes every window, not only the first.
    pub carry_initial_prompt: bool,
    /// Words that precede every window, so that the model expects them.
    pub hotwords: Option<String>,
    /// Whether each window is prompted with the text of the previous ones.
    pub condition_on_previous_text: bool,

    /// Beam width; 1 is greedy search.
    pub beams: usize,
    /// Beam search ends a window with `beams * patience` finished hypotheses.
    pub patience: f32,
    /// Exponent of the length by which hypotheses are normalised, in [0, 1]; the plain length if `None`.
    pub length_penalty: Option<f32>,
    /// Number of samples at a temperature above 0, of which the most probable is chosen.
    pub best_of: usize,
    /// Random seed at a temperature above 0: the same seed produces the same text.
    pub seed: u64,
    /// Tried in order until the text of a window is good enough. 0 is greedy or beam search.
    pub temperature: Temperatures,
    /// Text that `zlib` compresses by a larger factor is repetitive: the next temperature is tried.
    pub compression_ratio_threshold: Option<f32>,
    /// Text with a lower mean log-probability is doubtful: the next temperature is tried.
    pub logprob_threshold: Option<f32>,
    /// A window with a higher no-speech probability, and text that is doubtful by `logprob_threshold`, is silence.
    pub no_speech_threshold: Option<f32>,
    /// Silence of more than this many seconds around words that look hallucinated is skipped, together with those
    /// words. Needs `timestamps: word`.
    pub hallucination_silence_threshold: Option<f64>,
    /// Token ids that are never generated; -1 is the model's own list.
    pub suppress_tokens: Vec<i64>,

    /// Punctuation joined to the following word, in word timestamps.
    pub prepend_punctuations: String,
    /// Punctuation joined to the preceding word, in word timestamps.
    pub append_punctuations: String,

    /// How much of the 30 s window is encoded when there is less sound.
    pub encoder_context: EncoderContext,
    /// Windows decoded at once. From 2 on, windows are the stretches of speech that `models.vad` finds.
    pub batch_size: usize,
    /// Voice activity detection: only speech is decoded if the device has `models.vad`.
    pub vad: Vad,
}

impl Default for TranscribeOptions {
    fn default() -> Self {
        TranscribeOptions {
            model: None,
            vad_model: None,
            language: None,
            multilingual: None,
            language_detection_segments: 1,
            language_detection_threshold: 0.5,
            task: Task::default(),
            timestamps: Timestamps::default(),
            logprobs: false,
            channels: Channels::default(),
            clip_timestamps: Clips::default(),
            initial_prompt: None,
            carry_initial_prompt: false,
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
            hallucination_silence_threshold: None,
            suppress_tokens: vec![-1],
            prepend_punctuations: "\"'“¿([{-".to_string(),
            append_punctuations: "\"'.。,，!！?？:：”)]}、".to_string(),
            encoder_context: EncoderContext::default(),
            batch_size: 1,
            vad: Vad::default(),
        }
    }
}

/// Limit of `language_detection_segments`: half an hour.
const MOST_DETECTION_SEGMENTS: usize = 60;

/// Limit; more than the memory of any board allows.
const MOST_AT_ONCE: usize = 64;

impl TranscribeOptions {
    /// Whether to detect speech before decoding, if the device has a model for it. Parts requested by `clip_timestamps`
    /// are transcribed whole, as in faster-whisper.
    pub fn finds_speech(&self) -> bool {
        self.vad.on && self.clip_timestamps.is_empty()
    }

    /// Checks the values.
    ///
    /// # Errors
    /// The invalid option, and what it accepts.
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
        if !(1..=MOST_DETECTION_SEGMENTS).contains(&self.language_detection_segments) {
            let given = self.language_detection_segments;
            return Err(format!("language_detection_segments: {given} is not within 1 to {MOST_DETECTION_SEGMENTS}"));
        }
        if !(0.0..=1.0).contains(&self.language_detection_threshold) {
            return Err("language_detection_threshold: must be within 0 to 1".to_string());
        }
        self.clip_timestamps.check().map_err(|problem| format!("clip_timestamps: {problem}"))?;
        if let Some(id) = self.suppress_tokens.iter().find(|id| **id < -1) {
            return Err(format!("suppress_tokens: {id} is not a token id; -1 stands for the model's own list"));
        }
        if let Some(seconds) = self.hallucination_silence_threshold {
            if !(seconds > 0.0 && seconds.is_finite()) {
                return Err("hallucination_silence_threshold: must be a number of seconds above 0".to_string());
            }
            if self.timestamps != Timestamps::Word {
                return Err("hallucination_silence_threshold: needs `timestamps: word`".to_string());
            }
            if self.batch_size > 1 {
                return Err("hallucination_silence_threshold: needs `batch_size: 1`".to_string());
            }
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

impl NamedStep for TranscribeOptions {
    const NAME: &'static str = "transcribe";
}

impl StepOptions for TranscribeOptions {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn check(&self) -> Result<(), String> {
        Self::check(self)
    }

    fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    fn set_model(&mut self, name: String) {
        self.model = Some(name);
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
        for (text, expected) in [
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
            ("language_detection_segments: 0", "language_detection_segments: 0 is not within 1 to 60"),
            ("language_detection_threshold: 1.5", "language_detection_threshold"),
            ("clip_timestamps: [5, 2]", "clip_timestamps: 2 s is not after 5 s"),
            ("suppress_tokens: [-1, -7]", "suppress_tokens: -7 is not a token id"),
            ("hallucination_silence_threshold: 2", "needs `timestamps: word`"),
            ("{hallucination_silence_threshold: 0, timestamps: word}", "above 0"),
            ("{hallucination_silence_threshold: 2, timestamps: word, batch_size: 2}", "batch_size: 1"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
