//! The options of `classify`.

use std::num::NonZeroUsize;

use serde::Deserialize;

use super::{NamedStep, StepOptions};

/// How many classes a result contains by default.
const TOP: NonZeroUsize = NonZeroUsize::new(5).expect("not zero");

/// Options of `classify`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClassifyOptions {
    /// Name of the model under `models`; the only one that classifies if `None`.
    pub model: Option<String>,
    /// Maximum number of classes in a result, most probable first.
    pub top: NonZeroUsize,
}

impl Default for ClassifyOptions {
    fn default() -> Self {
        ClassifyOptions { model: None, top: TOP }
    }
}

impl NamedStep for ClassifyOptions {
    const NAME: &'static str = "classify";
}

impl StepOptions for ClassifyOptions {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    fn set_model(&mut self, name: String) {
        self.model = Some(name);
    }
}
