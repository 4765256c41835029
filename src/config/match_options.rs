//! The options of `match`.

use serde::Deserialize;

use super::texts::Texts;

/// Options of `match`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MatchOptions {
    /// The texts that a picture is compared with; the record's text, or else its transcript, if `None`.
    pub texts: Option<Texts>,
    /// Whether results contain the embeddings of picture and texts.
    pub embeddings: bool,
}
