//! Checks that a tokenizer belongs to the graphs beside it.

use crate::config::model_folder::ModelFolder;

/// Maximum number of logit rows without a token: vocabularies are padded to round numbers.
const PADDING: usize = 1_024;

/// Properties of a tokenizer that are compared with the graphs.
pub(super) trait Tokens {
    /// Its highest id plus 1.
    fn count(&self) -> usize;
    /// Whether a token with this id exists.
    fn has(&self, id: i64) -> bool;
    /// The id of a special token.
    fn special(&self, text: &str) -> Option<i64>;
}

/// Checks that the logits of every decoder have a row for each token and no more unused rows than padding accounts for,
/// and that the special tokens of `model.yaml` match the tokenizer.
pub(super) fn check(folder: &ModelFolder, tokens: &impl Tokens) -> Result<(), String> {
    let graphs = &folder.common.graphs;
    let decoders = graphs.iter().filter(|(_, graph)| graph.inputs.contains_key("past_key"));
    for (role, graph) in decoders {
        let Some(rows) = graph.outputs.get("logits").and_then(|logits| logits.fixed(1)) else { continue };
        let count = folder.spec.vocabulary_size(tokens.count(), rows);
        if count > rows || rows - count > PADDING.max(rows / 32) {
            return Err(format!("it has {count} tokens, and the graph `{role}` {rows}: it belongs to another model"));
        }
    }
    let special = folder.spec.special_tokens();
    if let Some((key, id)) = special.present.into_iter().find(|(_, id)| !tokens.has(*id)) {
        return Err(format!("it has no token {id}, which model.yaml names as `{key}`: it belongs to another model"));
    }
    for (text, id) in special.named {
        if let Some(own) = tokens.special(&text).filter(|own| *own != id) {
            return Err(format!("its {text} is {own}, and model.yaml says {id}: it belongs to another model"));
        }
    }
    Ok(())
}
