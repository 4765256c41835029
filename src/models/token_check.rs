//! Checks that a tokenizer belongs to the graphs beside it.

use crate::config::model_folder::{Kind, ModelFolder};

/// Rows of logits that no token needs to have: vocabularies are padded to round numbers.
const PADDING: usize = 1_024;

/// Tokens of times of Whisper: 0 to 30 s, every 0.02 s.
const TIMES: usize = 1_501;

/// What must be known of a tokenizer to compare it with the graphs.
pub(super) trait Tokens {
    /// The highest id that it can make, and 1.
    fn count(&self) -> usize;
    /// Whether there is a token with this id.
    fn has(&self, id: i64) -> bool;
    /// The id of a special token.
    fn special(&self, text: &str) -> Option<i64>;
}

/// Checks that every token has a row in the logits of every decoder, that no more rows are left than padding explains, and
/// that the special tokens of `model.yaml` are those of the tokenizer.
pub(super) fn check(folder: &ModelFolder, tokens: &impl Tokens) -> Result<(), String> {
    let graphs = &folder.common.graphs;
    let decoders = graphs.iter().filter(|(_, graph)| graph.inputs.contains_key("past_key"));
    for (role, graph) in decoders {
        let Some(rows) = graph.outputs.get("logits").and_then(|logits| logits.fixed(1)) else { continue };
        let count = match &folder.kind {
            // Many tokenizers leave out the tokens of times.
            Kind::Whisper(spec) => tokens.count().max((spec.tokens.timestamp_begin as usize + TIMES).min(rows)),
            _ => tokens.count(),
        };
        if count > rows || rows - count > PADDING.max(rows / 32) {
            return Err(format!("it has {count} tokens, and the graph `{role}` {rows}: it belongs to another model"));
        }
    }
    let (ids, names) = special(&folder.kind);
    if let Some((key, id)) = ids.into_iter().find(|(_, id)| !tokens.has(*id)) {
        return Err(format!("it has no token {id}, which model.yaml names as `{key}`: it belongs to another model"));
    }
    for (text, id) in names {
        if let Some(own) = tokens.special(&text).filter(|own| *own != id) {
            return Err(format!("its {text} is {own}, and model.yaml says {id}: it belongs to another model"));
        }
    }
    Ok(())
}

/// Special tokens of `model.yaml`: by key those that any tokenizer must have, and by text those that it must not have
/// under another id.
type Special = (Vec<(&'static str, i64)>, Vec<(String, i64)>);

fn special(kind: &Kind) -> Special {
    match kind {
        Kind::Whisper(spec) => {
            let tokens = &spec.tokens;
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
            let languages = tokens.languages.iter().filter(|_| spec.multilingual);
            let languages = languages.map(|(code, id)| (code.as_str(), *id));
            let names = named.into_iter().chain(languages).map(|(text, id)| (format!("<|{text}|>"), id)).collect();
            (vec![("end_of_text", tokens.end_of_text)], names)
        }
        Kind::Blip(spec) => {
            let tokens = &spec.tokens;
            let ids = [("end", tokens.end), ("pad", tokens.pad), ("classify", tokens.classify)];
            let names = [("[SEP]", tokens.end), ("[PAD]", tokens.pad), ("[CLS]", tokens.classify)];
            (ids.to_vec(), names.map(|(text, id)| (text.to_string(), id)).to_vec())
        }
        Kind::Blip2(spec) => {
            let tokens = &spec.tokens;
            (vec![("no_prompt", tokens.no_prompt), ("end", tokens.end)], Vec::new())
        }
        Kind::Student(spec) => (spec.text.iter().map(|text| ("text.pad", text.pad)).collect(), Vec::new()),
        Kind::Vad(_) => (Vec::new(), Vec::new()),
    }
}
