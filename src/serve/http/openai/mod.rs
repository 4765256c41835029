//! OpenAI's API, and whisper.cpp's endpoint for transcription.

mod chat;
mod completions;
mod data_url;
mod embedding_inputs;
mod embeddings;
mod language;
mod models;
mod options;
mod response_format;
mod server_vad;
mod transcriptions;
mod transcripts;

pub use chat::chat;
pub use completions::completions;
pub use embeddings::embeddings;
pub use models::{model, models};
pub use server_vad::ServerVad;
pub use transcriptions::{inference, transcriptions, translations};

/// The name that leaves the choice of a model to the device file.
pub const ANY_MODEL: &str = "edgefuse";

/// The name that OpenAI's clients use for a model that transcribes.
pub const WHISPER: &str = "whisper-1";
