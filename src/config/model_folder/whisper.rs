//! Constants of a Whisper model.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::audio::AudioSpec;
use super::graph::{GraphSpec, check_decoder, graph};

/// What a Whisper model needs beside the common keys.
#[derive(Debug, Clone)]
pub struct WhisperSpec {
    /// Log-mel constants.
    pub audio: AudioSpec,
    /// File with the tokenizer.
    pub tokenizer: String,
    /// Whether the model knows languages; an English-only model is fed no language token.
    pub multilingual: bool,
    /// Special tokens.
    pub tokens: WhisperTokens,
    /// Decoding constants.
    pub generation: WhisperGeneration,
    /// `[layer, head]` of the cross-attention heads that follow time.
    pub alignment_heads: Vec<(usize, usize)>,
}

/// Special tokens of Whisper.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhisperTokens {
    /// `<|startoftranscript|>`
    pub start_of_transcript: i64,
    /// `<|endoftext|>`
    pub end_of_text: i64,
    /// `<|startofprev|>`
    pub start_of_previous: i64,
    /// `<|nospeech|>`
    pub no_speech: i64,
    /// `<|notimestamps|>`
    pub no_timestamps: i64,
    /// `<|0.00|>`; each token after it is 0.02 s later.
    pub timestamp_begin: i64,
    /// `<|translate|>`
    pub translate: i64,
    /// `<|transcribe|>`
    pub transcribe: i64,
    /// Language code to token.
    pub languages: BTreeMap<String, i64>,
}

/// Decoding constants of Whisper.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhisperGeneration {
    /// Positions of the decoder.
    pub max_tokens: usize,
    /// Tokens that are never written.
    pub suppress: Vec<i64>,
    /// Tokens that never come first.
    pub begin_suppress: Vec<i64>,
}

impl WhisperSpec {
    pub(super) fn check(&self, graphs: &BTreeMap<String, GraphSpec>) -> Result<(), String> {
        self.audio.check()?;
        graph(graphs, "encoder")?.need("encoder", &["log_mel"], &["cross_key", "cross_value"])?;
        check_decoder(graphs, "decoder")?;
        if graphs["encoder"].layers() != graphs["decoder"].layers() {
            return Err("graphs: encoder and decoder differ in `layers`".to_string());
        }
        let vocabulary = graphs["decoder"].outputs["logits"].fixed(1).unwrap_or(0) as i64;
        let tokens = &self.tokens;
        let special = [
            tokens.start_of_transcript,
            tokens.end_of_text,
            tokens.start_of_previous,
            tokens.no_speech,
            tokens.no_timestamps,
            tokens.timestamp_begin,
            tokens.translate,
            tokens.transcribe,
        ];
        let known = |id: &i64| (0..vocabulary).contains(id);
        if !special.iter().chain(tokens.languages.values()).all(known) {
            return Err(format!("tokens: an id is outside the vocabulary of {vocabulary}"));
        }
        if !self.generation.suppress.iter().chain(&self.generation.begin_suppress).all(known) {
            return Err(format!("generation: a suppressed id is outside the vocabulary of {vocabulary}"));
        }
        if self.multilingual && tokens.languages.is_empty() {
            return Err("tokens.languages: empty, though the model is multilingual".to_string());
        }
        if !(16..=65_536).contains(&self.generation.max_tokens) {
            return Err(format!("generation.max_tokens: {} is out of range", self.generation.max_tokens));
        }
        Ok(())
    }
}
