//! Constants of a decoder-only language model.

use serde::Deserialize;

use super::graph::{check_cache, takes};
use super::spec::{Graphs, KindSpec, SpecialTokens, capability};

/// Maximum number of positions of any model.
const MOST_POSITIONS: usize = 1 << 24;

/// Keys of a language model, apart from the common ones.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LlmSpec {
    /// File with the tokenizer.
    pub tokenizer: String,
    /// File with the chat template, a Jinja template; a model that was not trained on conversations has none.
    pub chat_template: Option<String>,
    /// Special tokens.
    pub tokens: LlmTokens,
    /// Limits.
    pub generation: LlmGeneration,
}

/// Special tokens of a language model.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LlmTokens {
    /// `bos_token` of the chat template.
    pub begin: Option<i64>,
    /// `eos_token` of the chat template.
    pub end: Option<i64>,
    /// The tokens that end an answer.
    pub ends: Vec<i64>,
}

/// Limits of a language model.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LlmGeneration {
    /// Maximum number of positions: prompt and answer together.
    pub context: usize,
    /// Maximum number of tokens in an answer, unless the device file or the command line sets another one.
    pub max_tokens: usize,
}

impl LlmSpec {
    /// Whether the decoder's cache may be a buffer with room for later positions.
    pub fn has_total_length(graphs: &Graphs) -> bool {
        graphs.get("decoder").is_some_and(|decoder| decoder.inputs.contains_key("total_length"))
    }
}

impl KindSpec for LlmSpec {
    fn check(&self, graphs: &Graphs) -> Result<(), String> {
        check_cache(graphs, "decoder", &["input_ids"])?;
        let decoder = &graphs["decoder"];
        if Self::has_total_length(graphs) {
            decoder.need("decoder", &["total_length"], &[])?;
            takes("graphs.decoder.inputs", &decoder.inputs["total_length"], &[None], "[batch]")?;
        }
        let vocabulary = decoder.outputs["logits"].fixed(1).unwrap_or(0) as i64;
        let tokens = &self.tokens;
        if tokens.ends.is_empty() {
            return Err("tokens.ends: must name at least one token".to_string());
        }
        let mut ids = tokens.ends.iter().chain(&tokens.begin).chain(&tokens.end);
        if !ids.all(|id| (0..vocabulary).contains(id)) {
            return Err(format!("tokens: an id is outside the vocabulary of {vocabulary}"));
        }
        let LlmGeneration { context, max_tokens } = self.generation;
        if !(2..=MOST_POSITIONS).contains(&context) || !(1..context).contains(&max_tokens) {
            return Err("generation: a limit is out of range".to_string());
        }
        Ok(())
    }

    fn capabilities(&self, _graphs: &Graphs) -> Vec<&'static str> {
        vec![capability::CHAT]
    }

    fn tokenizer(&self) -> Option<&str> {
        Some(&self.tokenizer)
    }

    fn files(&self) -> Vec<&str> {
        self.chat_template.iter().map(String::as_str).collect()
    }

    fn special_tokens(&self) -> SpecialTokens {
        let tokens = &self.tokens;
        let mut present: Vec<_> = tokens.ends.iter().map(|&id| ("ends", id)).collect();
        present.extend(tokens.begin.map(|id| ("begin", id)));
        present.extend(tokens.end.map(|id| ("end", id)));
        SpecialTokens { present, named: Vec::new() }
    }
}
