//! Transcripts in the formats of OpenAI's API and of whisper.cpp's server.

use axum::http::StatusCode;
use axum::response::Response;
use edgefuse::config::Task;
use edgefuse::models::transcript::{Segment, Transcript, Word};
use edgefuse::models::whisper::language_name;
use serde_json::{Value, json};

use super::options::{Asked, Dialect, Format};
use crate::serve::http::json::shortest;
use crate::serve::http::response;
use crate::subtitles::{Layout, srt, vtt};

/// Spectrogram frames per second, the unit of OpenAI's `seek`.
const FRAMES: f64 = 100.0;

/// The response in the requested format.
pub fn answer(transcript: &Transcript, warnings: &[String], asked: &Asked, dialect: Dialect) -> Response {
    let text = &transcript.text;
    let value = match asked.format {
        Format::Text => return response::plain(format!("{text}\n")),
        Format::Srt => return response::plain(srt(&transcript.segments, &Layout::default())),
        Format::Vtt => return response::plain(vtt(&transcript.segments, &Layout::default())),
        Format::Json => json!({"text": text}),
        Format::VerboseJson => verbose(transcript, asked, dialect),
    };
    let mut value = value;
    if dialect != Dialect::WhisperCpp {
        value["usage"] = usage(transcript);
    }
    if let Some(logprobs) = logprobs(transcript, asked) {
        value["logprobs"] = logprobs;
    }
    if !warnings.is_empty() {
        value["warnings"] = json!(warnings);
    }
    response::json(StatusCode::OK, &value)
}

/// The log-probabilities of the text's tokens, if they were asked for.
pub fn logprobs(transcript: &Transcript, asked: &Asked) -> Option<Value> {
    let all: Vec<_> = transcript.segments.iter().flat_map(|segment| segment.logprobs.iter().flatten()).collect();
    asked.options.logprobs.then(|| shortest(&all))
}

/// OpenAI's unit of billing.
pub fn usage(transcript: &Transcript) -> Value {
    json!({"type": "duration", "seconds": transcript.duration.ceil()})
}

fn verbose(transcript: &Transcript, asked: &Asked, dialect: Dialect) -> Value {
    let code = transcript.language.as_deref().unwrap_or("en");
    let segments = transcript.segments.iter().enumerate();
    let segments: Vec<Value> = segments.map(|(id, it)| segment(id, it, dialect == Dialect::WhisperCpp)).collect();
    let mut value = json!({
        "task": if asked.options.task == Task::Translate { "translate" } else { "transcribe" },
        "language": language_name(code).unwrap_or(code),
        "duration": transcript.duration,
        "text": transcript.text,
    });
    if asked.segments {
        value["segments"] = json!(segments);
    }
    if asked.words && dialect != Dialect::WhisperCpp {
        let words = transcript.segments.iter().flat_map(|it| it.words.iter().flatten());
        // OpenAI strips the spaces around words.
        let word = |it: &Word| json!({"word": it.word.trim(), "start": it.start, "end": it.end});
        value["words"] = json!(words.map(word).collect::<Vec<_>>());
    }
    value
}

fn segment(id: usize, segment: &Segment, with_words: bool) -> Value {
    let mut value = json!({
        "id": id,
        "seek": (segment.start * FRAMES) as u64,
        "start": segment.start,
        "end": segment.end,
        "text": format!(" {}", segment.text),
        "tokens": segment.tokens,
        "temperature": shortest(&segment.temperature),
        "avg_logprob": shortest(&segment.avg_logprob),
        "compression_ratio": shortest(&segment.compression_ratio),
        "no_speech_prob": shortest(&segment.no_speech_prob),
    });
    if with_words {
        value["words"] = shortest(&segment.words);
    }
    if let Some(channel) = segment.channel {
        value["channel"] = channel.into();
    }
    value
}
