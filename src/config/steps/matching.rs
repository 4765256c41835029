//! The options of `match`.

use serde::Deserialize;

use super::texts::Texts;
use super::{NamedStep, StepOptions};

/// Options of `match`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MatchOptions {
    /// Name of the model under `models`; the only one that matches texts if `None`.
    pub model: Option<String>,
    /// The texts that a picture is compared with; the record's text, or else its transcript, if `None`.
    pub texts: Option<Texts>,
    /// Whether results contain the embeddings of picture and texts.
    pub embeddings: bool,
}

impl NamedStep for MatchOptions {
    const NAME: &'static str = "match";
}

impl StepOptions for MatchOptions {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    fn set_model(&mut self, name: String) {
        self.model = Some(name);
    }

    fn texts(&self) -> Option<(&'static str, &Texts)> {
        self.texts.as_ref().map(|texts| ("texts", texts))
    }

    fn texts_mut(&mut self) -> Option<(&'static str, &mut Texts)> {
        self.texts.as_mut().map(|texts| ("texts", texts))
    }

    fn keep_embeddings(&mut self) -> bool {
        self.embeddings = true;
        true
    }
}
