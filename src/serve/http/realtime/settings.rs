//! The settings of a session, in both versions of OpenAI's API.

use edgefuse::config::{TranscribeOptions, VadOptions};
use serde::de::Deserializer;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::server_events::{Names, id};
use crate::serve::board::Board;
use crate::serve::http::Api;
use crate::serve::http::failure::Failure;
use crate::serve::http::openai::{ANY_MODEL, ServerVad, WHISPER};
use crate::serve::pcm::Format;
use crate::serve::speech_models::choose;

/// OpenAI's sample rate in Hz, and those that are accepted.
const RATE: u32 = 24_000;
const RATES: std::ops::RangeInclusive<u32> = 8_000..=48_000;

/// A change of the settings: what is absent stays.
#[derive(Debug, Default, Deserialize)]
pub struct Update {
    #[serde(rename = "type")]
    kind: Option<String>,
    audio: Option<Audio>,
    include: Option<Vec<String>>,
    // As in the beta version.
    input_audio_format: Option<String>,
    input_audio_transcription: Option<Transcription>,
    #[serde(default, deserialize_with = "present")]
    turn_detection: Option<Option<ServerVad>>,
}

#[derive(Debug, Default, Deserialize)]
struct Audio {
    input: Option<Input>,
}

#[derive(Debug, Default, Deserialize)]
struct Input {
    format: Option<Encoding>,
    transcription: Option<Transcription>,
    #[serde(default, deserialize_with = "present")]
    turn_detection: Option<Option<ServerVad>>,
}

#[derive(Debug, Deserialize)]
struct Encoding {
    #[serde(rename = "type")]
    kind: String,
    rate: Option<u32>,
}

#[derive(Debug, Deserialize)]
struct Transcription {
    model: Option<String>,
    language: Option<String>,
    prompt: Option<String>,
}

/// A field that may be `null`, which is not the same as absent.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

/// The settings of a session.
#[derive(Debug, Clone)]
pub struct Settings {
    id: String,
    rate: u32,
    /// The name that the client used, and the model under `models` if the client chose one.
    shown: String,
    model: Option<String>,
    language: Option<String>,
    prompt: Option<String>,
    /// How the ends of utterances are found; `None` if the client commits them.
    turns: Option<VadOptions>,
}

#[derive(Serialize)]
struct Shown<'a> {
    model: &'a str,
    language: Option<&'a str>,
    prompt: &'a str,
}

impl Settings {
    /// The settings at the start, from the device file.
    pub fn of(board: &Board) -> Self {
        let options = board.device().options::<TranscribeOptions>();
        Settings {
            id: id("sess"),
            rate: RATE,
            shown: WHISPER.to_string(),
            model: None,
            language: None,
            prompt: None,
            turns: Some(usual_turns(&options)),
        }
    }

    /// Chooses the model by name.
    pub fn choose(&mut self, api: &Api, name: Option<&str>) -> Result<(), Failure> {
        if let Some(name) = name {
            self.model = api.model(Some(name), &[WHISPER, ANY_MODEL])?;
            self.shown = name.to_string();
        }
        Ok(())
    }

    /// These settings with a change.
    pub fn with(&self, api: &Api, update: Update) -> Result<Self, Failure> {
        let mut settings = self.clone();
        if update.kind.is_some_and(|kind| kind != "transcription") {
            return Err(Failure::field("session.type", "only `transcription` is supported"));
        }
        if update.include.is_some_and(|include| !include.is_empty()) {
            return Err(Failure::field("session.include", "log-probabilities are not supported in live sessions"));
        }
        if update.input_audio_format.is_some_and(|format| format != "pcm16") {
            return Err(Failure::field("session.input_audio_format", "only `pcm16` is supported"));
        }
        let input = update.audio.and_then(|audio| audio.input).unwrap_or_default();
        if let Some(format) = input.format {
            if format.kind != "audio/pcm" {
                return Err(Failure::field("session.audio.input.format", "only `audio/pcm` is supported"));
            }
            settings.rate = format.rate.unwrap_or(RATE);
            if !RATES.contains(&settings.rate) {
                let problem = format!("rate must be within {} to {}", RATES.start(), RATES.end());
                return Err(Failure::field("session.audio.input.format", problem));
            }
        }
        if let Some(transcription) = input.transcription.or(update.input_audio_transcription) {
            settings.choose(api, transcription.model.as_deref())?;
            let text = |new: Option<String>, old| new.map_or(old, |new| Some(new).filter(|new| !new.trim().is_empty()));
            settings.language = text(transcription.language, settings.language);
            settings.prompt = text(transcription.prompt, settings.prompt);
        }
        if let Some(turns) = input.turn_detection.or(update.turn_detection) {
            let usual = usual_turns(&api.service.board().device().options());
            settings.turns = turns.map(|turns| turns.options("turn_detection", usual)).transpose()?;
        }
        settings.options(&api.service.board()).check().map_err(Failure::invalid)?;
        Ok(settings)
    }

    /// Whether the service finds the ends of utterances.
    pub fn finds_turns(&self) -> bool {
        self.turns.is_some()
    }

    /// The format of the sound: 16-bit little-endian samples, mono.
    pub fn format(&self) -> Format {
        Format { rate: self.rate, width: 2, channels: 1 }
    }

    /// The options of the transcription.
    pub fn options(&self, board: &Board) -> TranscribeOptions {
        let mut options = board.device().options::<TranscribeOptions>();
        options.language = self.language.clone().or(options.language).or_else(|| Some("auto".to_string()));
        options.model =
            choose(board.device(), self.model.as_deref(), options.model.take(), options.language.as_deref());
        options.initial_prompt = self.prompt.clone().or(options.initial_prompt);
        options.vad.options = self.turns.or(options.vad.options);
        options
    }

    /// As the API describes a session.
    pub fn json(&self, names: Names) -> Value {
        let transcription = Shown {
            model: &self.shown,
            language: self.language.as_deref(),
            prompt: self.prompt.as_deref().unwrap_or_default(),
        };
        let turns = self.turns.map(|turns| {
            json!({
                "type": "server_vad",
                "threshold": turns.threshold,
                "prefix_padding_ms": turns.pad_ms,
                "silence_duration_ms": turns.min_silence_ms,
            })
        });
        let object = "realtime.transcription_session";
        match names {
            Names::Beta => json!({
                "id": self.id,
                "object": object,
                "input_audio_format": "pcm16",
                "input_audio_transcription": transcription,
                "input_audio_noise_reduction": null,
                "turn_detection": turns,
            }),
            Names::Current => json!({
                "id": self.id,
                "object": object,
                "type": "transcription",
                "audio": {"input": {
                    "format": {"type": "audio/pcm", "rate": self.rate},
                    "transcription": transcription,
                    "noise_reduction": null,
                    "turn_detection": turns,
                }},
                "include": [],
            }),
        }
    }
}

/// How the ends of utterances are found, unless the client says otherwise.
fn usual_turns(options: &TranscribeOptions) -> VadOptions {
    options.vad.options.unwrap_or_else(VadOptions::live)
}
