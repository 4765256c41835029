//! The options of `index`.

use std::path::PathBuf;

use serde::Deserialize;

use super::{NamedStep, StepOptions};

/// Options of `index`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IndexOptions {
    /// Folder of the index, which is created if it does not exist.
    pub into: PathBuf,
    /// Name of the model under `models` that embeds; the only one that does if `None`.
    pub model: Option<String>,
    /// Items that wait for others before they are committed together; 0 commits every record.
    #[serde(skip)]
    pub batch: usize,
    /// Settings that the records are indexed with: entries made with others are out of date.
    #[serde(skip)]
    pub settings: String,
}

impl NamedStep for IndexOptions {
    const NAME: &'static str = "index";
}

impl StepOptions for IndexOptions {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn check(&self) -> Result<(), String> {
        match self.into.as_os_str().is_empty() {
            true => Err("`into` is missing: the folder of the index".to_string()),
            false => Ok(()),
        }
    }

    fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    fn set_model(&mut self, name: String) {
        self.model = Some(name);
    }

    fn output_mut(&mut self) -> Option<&mut PathBuf> {
        Some(&mut self.into).filter(|into| !into.as_os_str().is_empty())
    }
}
