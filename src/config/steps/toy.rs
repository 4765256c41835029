//! The options of `toy`, the example of what a new step needs.

use serde::Deserialize;

use super::{NamedStep, StepOptions};

/// Options of `toy`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ToyOptions {
    /// Name of the model under `models`.
    pub model: Option<String>,
    /// Factor for the loudness.
    pub gain: f32,
}

impl Default for ToyOptions {
    fn default() -> Self {
        ToyOptions { model: None, gain: 1.0 }
    }
}

impl NamedStep for ToyOptions {
    const NAME: &'static str = "toy";
}

impl StepOptions for ToyOptions {
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
