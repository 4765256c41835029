//! The options of `match`.

use serde::Deserialize;

use super::texts::Texts;

/// Options of `match`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MatchOptions {
    /// The texts that a picture is compared with; the record's text where it is left out.
    pub texts: Option<Texts>,
    /// Whether results hold the embeddings of picture and texts.
    pub embeddings: bool,
}
