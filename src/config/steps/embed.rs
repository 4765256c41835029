//! The options of `embed`.

use serde::Deserialize;

use super::{NamedStep, StepOptions};

/// Options of `embed`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EmbedOptions {
    /// Name of the model under `models`; the only one that embeds if `None`.
    pub model: Option<String>,
    /// What the record's text is for.
    pub text: TextRole,
}

/// What a text is for. Some encoders of texts were trained with a prefix for each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TextRole {
    /// It will be searched for, or compared with others of its kind.
    #[default]
    Passage,
    /// It searches for others.
    Query,
}

impl NamedStep for EmbedOptions {
    const NAME: &'static str = "embed";
}

impl StepOptions for EmbedOptions {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    fn set_model(&mut self, name: String) {
        self.model = Some(name);
    }

    /// Its results are embeddings in any case.
    fn keep_embeddings(&mut self) -> bool {
        true
    }
}
