//! Constants of a Whisper model.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::agree::{accepts_log_mel, attends};
use super::audio::AudioSpec;
use super::graph::{GraphSpec, check_decoder, graph};
use super::spec::{Graphs, KindSpec, SpecialTokens, capability};

/// Timestamp tokens: 0 to 30 s in steps of 0.02 s.
const TIMESTAMPS: usize = 1_501;

/// Keys of a Whisper model, apart from the common ones.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhisperSpec {
    /// Log-mel constants.
    pub audio: AudioSpec,
    /// File with the tokenizer.
    pub tokenizer: String,
    /// Whether the model is multilingual; an English-only model is not fed a language token.
    pub multilingual: bool,
    /// Special tokens.
    pub tokens: WhisperTokens,
    /// Decoding constants.
    pub generation: WhisperGeneration,
    /// `[layer, head]` of the alignment heads: the cross-attention heads that follow time.
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
    /// Number of positions of the decoder.
    pub max_tokens: usize,
    /// Tokens that are never generated.
    pub suppress: Vec<i64>,
    /// Tokens that are never generated first.
    pub begin_suppress: Vec<i64>,
}

impl WhisperSpec {
    /// Checks that the alignment heads exist in the decoder, and that the graph returns their attention.
    fn check_heads(&self, graphs: &BTreeMap<String, GraphSpec>) -> Result<(), String> {
        let decoder = &graphs["decoder"];
        let heads = decoder.inputs["past_key"].fixed(1).unwrap_or(0);
        let there = |(layer, head): &(usize, usize)| *layer < decoder.layers() && *head < heads;
        if let Some((layer, head)) = self.alignment_heads.iter().find(|place| !there(place)) {
            let layers = decoder.layers();
            return Err(format!("alignment_heads: [{layer}, {head}] is outside {layers} layers of {heads} heads"));
        }
        let attention = graphs.get("alignment").and_then(|graph| graph.outputs.get("attention"));
        match attention.and_then(|attention| attention.fixed(1)) {
            Some(found) if found != self.alignment_heads.len() => Err(format!(
                "alignment_heads: {} of them, but graphs.alignment.outputs.attention has {found}",
                self.alignment_heads.len()
            )),
            _ => Ok(()),
        }
    }
}

impl KindSpec for WhisperSpec {
    fn check(&self, graphs: &Graphs) -> Result<(), String> {
        self.audio.check()?;
        graph(graphs, "encoder")?.need("encoder", &["log_mel"], &["cross_key", "cross_value"])?;
        check_decoder(graphs, "decoder")?;
        accepts_log_mel("encoder", &graphs["encoder"].inputs["log_mel"], &self.audio)?;
        attends(graphs, "encoder", "decoder")?;
        if graphs.contains_key("alignment") {
            attends(graphs, "encoder", "alignment")?;
        }
        self.check_heads(graphs)?;
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
            return Err("tokens.languages: empty, but the model is multilingual".to_string());
        }
        if !(16..=65_536).contains(&self.generation.max_tokens) {
            return Err(format!("generation.max_tokens: {} is out of range", self.generation.max_tokens));
        }
        Ok(())
    }

    fn capabilities(&self, _graphs: &Graphs) -> Vec<&'static str> {
        vec![capability::TRANSCRIBE]
    }

    fn tokenizer(&self) -> Option<&str> {
        Some(&self.tokenizer)
    }

    fn languages(&self) -> Vec<&str> {
        match self.multilingual {
            true => self.tokens.languages.keys().map(String::as_str).collect(),
            false => vec!["en"],
        }
    }

    fn special_tokens(&self) -> SpecialTokens {
        let tokens = &self.tokens;
        let named = [
            ("startoftranscript", tokens.start_of_transcript),
            ("endoftext", tokens.end_of_text),
            ("startofprev", tokens.start_of_previous),
            ("nospeech", tokens.no_speech),
            ("nocaptions", tokens.no_speech),
            ("notimestamps", tokens.no_timestamps),
            ("translate", tokens.translate),
            ("transcribe", tokens.transcribe),
        ];
        let languages = tokens.languages.iter().filter(|_| self.multilingual);
        let languages = languages.map(|(code, id)| (code.as_str(), *id));
        let named = named.into_iter().chain(languages).map(|(text, id)| (format!("<|{text}|>"), id)).collect();
        SpecialTokens { present: vec![("end_of_text", tokens.end_of_text)], named }
    }

    fn vocabulary_size(&self, count: usize, rows: usize) -> usize {
        // Many tokenizers omit the timestamp tokens.
        count.max((self.tokens.timestamp_begin as usize + TIMESTAMPS).min(rows))
    }
}
