//! Transcription options from the fields of a form.

use edgefuse::config::{Task, Temperatures, Timestamps, TranscribeOptions, Vad};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::server_vad::Chunking;
use super::{ANY_MODEL, WHISPER};
use crate::serve::http::Api;
use crate::serve::http::failure::Failure;
use crate::serve::http::form::Form;
use crate::serve::speech_models::choose;

/// The API that a form follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    OpenAi(Task),
    /// The server of whisper.cpp.
    WhisperCpp,
}

/// The format of the transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Json,
    Text,
    Srt,
    Vtt,
    VerboseJson,
}

/// What is asked for.
#[derive(Debug)]
pub struct Asked {
    pub options: TranscribeOptions,
    pub format: Format,
    /// Whether `verbose_json` has words, and segments.
    pub words: bool,
    pub segments: bool,
    /// Whether text is sent as it is decoded.
    pub stream: bool,
}

impl Asked {
    /// Applies the fields of a form to the options of the device file.
    pub fn read(api: &Api, form: &Form, dialect: Dialect) -> Result<Self, Failure> {
        let board = api.service.board();
        let mut options = board.device().options::<TranscribeOptions>();
        options.timestamps = Timestamps::Segment;
        options.language.get_or_insert_with(|| "auto".to_string());
        if let Dialect::OpenAi(task) = dialect {
            options.task = task;
        }
        let mut asked = Asked { options, format: Format::Json, words: false, segments: false, stream: false };
        let (mut named, mut temperature, mut step, mut chunking) = (None, None, None, Chunking::default());
        for (name, text) in form.texts() {
            match (name, dialect) {
                (name, _) if chunking.take(name, text)? => {}
                ("model", _) => named = api.model(Some(text), &[WHISPER, ANY_MODEL])?,
                ("language", _) => asked.options.language = Some(text.trim().to_string()).filter(|it| !it.is_empty()),
                ("prompt", _) => asked.options.initial_prompt = Some(text.to_string()).filter(|it| !it.is_empty()),
                ("response_format", _) => asked.format = format(text)?,
                ("temperature", _) => temperature = Some(value::<f32>(name, text)?),
                ("timestamp_granularities[]" | "timestamp_granularities", _) => match text {
                    "word" => asked.words = true,
                    "segment" => asked.segments = true,
                    other => return Err(Failure::field(name, format!("`{other}` is not word or segment"))),
                },
                ("stream", _) => asked.stream = value(name, text)?,
                ("include[]" | "include", _) => match text {
                    "logprobs" => asked.options.logprobs = true,
                    other => return Err(Failure::field(name, format!("`{other}` is not logprobs"))),
                },
                ("temperature_inc", Dialect::WhisperCpp) => step = Some(value::<f32>(name, text)?),
                ("translate", Dialect::WhisperCpp) => {
                    let translate: bool = value(name, text)?;
                    asked.options.task = if translate { Task::Translate } else { Task::Transcribe };
                }
                // Widths and numbers below 1 leave the choice to whisper.cpp's decoder.
                ("beam_size" | "best_of", Dialect::WhisperCpp) if value::<i64>(name, text)? < 1 => {}
                ("beam_size", Dialect::WhisperCpp) => asked.options.beams = value(name, text)?,
                (name, dialect) => {
                    if !own(&mut asked.options, name, text)? {
                        match dialect {
                            Dialect::OpenAi(_) => return Err(Failure::field(name, "unknown field")),
                            // Its clients send options of whisper.cpp's decoder, which do not apply here.
                            Dialect::WhisperCpp => log::debug!("inference: `{name}` is ignored"),
                        }
                    }
                }
            }
        }
        let (usual, language) = (asked.options.model.take(), asked.options.language.as_deref());
        asked.options.model = choose(board.device(), named.as_deref(), usual, language);
        if let Some(first) = temperature {
            asked.options.temperature = temperatures(first, step);
        }
        let usual = asked.options.vad.options.unwrap_or_default();
        if let Some(chosen) = chunking.options(usual)? {
            asked.options.vad = Vad { on: true, options: Some(chosen) };
        }
        asked.finish(dialect)
    }

    fn finish(mut self, dialect: Dialect) -> Result<Self, Failure> {
        let verbose = self.format == Format::VerboseJson;
        if dialect == Dialect::WhisperCpp && verbose {
            self.words = true;
        }
        if self.words && !verbose {
            return Err(Failure::field("timestamp_granularities[]", "words need `response_format=verbose_json`"));
        }
        self.segments |= !self.words || dialect == Dialect::WhisperCpp;
        if self.words {
            self.options.timestamps = Timestamps::Word;
        }
        if self.stream && !matches!(self.format, Format::Json | Format::Text) {
            return Err(Failure::field("stream", "a stream is always text: leave out `response_format`"));
        }
        if self.options.logprobs && !matches!(self.format, Format::Json | Format::VerboseJson) {
            return Err(Failure::field("include[]", "log-probabilities need a JSON `response_format`"));
        }
        self.options.check().map_err(Failure::invalid)?;
        Ok(self)
    }
}

/// The temperatures to try: as for OpenAI, 0 goes up where the text is doubtful, and others are taken as they are. `step`
/// is whisper.cpp's.
fn temperatures(first: f32, step: Option<f32>) -> Temperatures {
    match step {
        Some(step) if step > 0.0 => {
            let tried = (0..16).map(|count| first + step * count as f32);
            Temperatures(tried.take_while(|temperature| *temperature <= 1.0 + f32::EPSILON).collect())
        }
        Some(_) => Temperatures(vec![first]),
        None if first == 0.0 => Temperatures::default(),
        None => Temperatures(vec![first]),
    }
}

fn format(text: &str) -> Result<Format, Failure> {
    Ok(match text {
        "json" => Format::Json,
        "text" => Format::Text,
        "srt" => Format::Srt,
        "vtt" => Format::Vtt,
        "verbose_json" => Format::VerboseJson,
        other => {
            let problem = format!("`{other}` is not json, text, srt, verbose_json or vtt");
            return Err(Failure::field("response_format", problem));
        }
    })
}

/// Sets one of edgefuse's own options, under its name on the command line or in a device file; `false` if it is none.
fn own(options: &mut TranscribeOptions, name: &str, text: &str) -> Result<bool, Failure> {
    macro_rules! set {
        ($($option:ident)*) => {
            match name.replace('-', "_").as_str() {
                $(stringify!($option) => options.$option = value(name, text)?,)*
                "hotwords" => options.hotwords = Some(text.to_string()),
                _ => return Ok(false),
            }
        };
    }
    set! {
        vad beams best_of patience length_penalty seed multilingual language_detection_segments
        language_detection_threshold carry_initial_prompt condition_on_previous_text channels clip_timestamps
        compression_ratio_threshold logprob_threshold no_speech_threshold hallucination_silence_threshold
        suppress_tokens encoder_context logprobs
    }
    Ok(true)
}

/// Parses a JSON value; anything else is a string, or one of the words for true and false.
fn value<T: DeserializeOwned>(name: &str, text: &str) -> Result<T, Failure> {
    let text = text.trim();
    let others = [Some(Value::String(text.to_string())), flag(text).map(Value::Bool)];
    serde_json::from_str(text).or_else(|error| {
        let found = others.into_iter().flatten().find_map(|value| serde_json::from_value(value).ok());
        found.ok_or_else(|| Failure::field(name, error))
    })
}

/// True or false as forms have them: Python's clients write `True`, those of whisper.cpp any of these words.
fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "y" => Some(true),
        "false" | "0" | "no" | "n" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use edgefuse::config::{Channels, EncoderContext};

    use super::*;

    #[test]
    fn own_options_have_their_names() {
        let mut options = TranscribeOptions::default();
        for (name, text) in [
            ("beams", "3"),
            ("best-of", "2"),
            ("vad", "False"),
            ("encoder_context", "adaptive"),
            ("channels", "left"),
            ("suppress_tokens", "[-1, 5]"),
            ("logprob_threshold", "null"),
            ("hotwords", "12"),
        ] {
            assert!(own(&mut options, name, text).unwrap(), "{name}");
        }
        assert_eq!((options.beams, options.best_of, options.vad.on), (3, 2, false));
        assert_eq!((options.channels, options.encoder_context), (Channels::One(0), EncoderContext::Adaptive));
        assert_eq!((options.suppress_tokens.as_slice(), options.logprob_threshold), (&[-1, 5][..], None));
        assert_eq!(options.hotwords.as_deref(), Some("12"));
        assert!(!own(&mut options, "beam", "3").unwrap());
        assert!(own(&mut options, "beams", "three").is_err());
    }

    #[test]
    fn true_and_false_have_many_names() {
        for (text, expected) in [
            ("true", true),
            ("True", true),
            ("1", true),
            ("yes", true),
            ("Y", true),
            ("false", false),
            ("FALSE", false),
            ("0", false),
            ("no", false),
            (" n ", false),
        ] {
            assert_eq!(value::<bool>("stream", text).unwrap(), expected, "{text}");
            assert_eq!(value::<Vad>("vad", text).unwrap().on, expected, "{text}");
        }
        for wrong in ["", "2", "on it", "\"\""] {
            assert!(value::<bool>("stream", wrong).is_err(), "{wrong}");
        }
        // Where a number is one, it stays one.
        assert_eq!(value::<usize>("beams", "1").unwrap(), 1);
    }

    #[test]
    fn temperatures_are_as_each_server_has_them() {
        assert_eq!(temperatures(0.0, None), Temperatures::default());
        assert_eq!(temperatures(0.3, None), Temperatures(vec![0.3]));
        assert_eq!(temperatures(0.0, Some(0.0)), Temperatures(vec![0.0]));
        assert_eq!(temperatures(0.0, Some(0.5)), Temperatures(vec![0.0, 0.5, 1.0]));
        assert!(temperatures(f32::NAN, Some(0.1)).0.is_empty());
    }
}
