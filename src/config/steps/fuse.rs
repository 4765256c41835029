//! The options of `fuse`.

use serde::Deserialize;

use super::{NamedStep, StepOptions};

/// Options of `fuse`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FuseOptions {
    /// Name of the student under `models`; the only model that decides if `None`.
    pub model: Option<String>,
    /// The text that the student sees.
    pub text: TextSource,
    /// Whether an input that the student does not accept is an error; otherwise it is ignored with a warning.
    pub strict: bool,
    /// Whether results contain the fused embedding and each modality's.
    pub embeddings: bool,
}

/// The text that the student sees.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TextSource {
    /// The record's text, or else the transcript of its audio.
    #[default]
    Any,
    /// The record's text only.
    Text,
    /// The transcript only.
    Transcript,
    /// None.
    None,
}

impl NamedStep for FuseOptions {
    const NAME: &'static str = "fuse";
}

impl StepOptions for FuseOptions {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    fn set_model(&mut self, name: String) {
        self.model = Some(name);
    }

    fn needs_transcript(&self) -> bool {
        self.text == TextSource::Transcript
    }

    fn keep_embeddings(&mut self) -> bool {
        self.embeddings = true;
        true
    }
}
