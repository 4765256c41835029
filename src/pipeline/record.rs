//! One thing to process: any of a picture, a sound and a text.

use std::path::{Path, PathBuf};

use serde::Deserialize;

/// A record, as a line of a JSONL manifest writes it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Record {
    /// Name of the record in results.
    pub id: Option<String>,
    /// Path of a picture.
    pub image: Option<PathBuf>,
    /// Path of a sound.
    pub audio: Option<PathBuf>,
    /// A text, such as a question.
    pub text: Option<String>,
}

/// A record that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRecord {
    /// Its name in results.
    pub id: String,
    /// Where it stands and what is wrong with it.
    pub problem: String,
}

impl Record {
    /// The name in results: its id, or the file it is about, or `text`.
    pub fn name(&self) -> String {
        let file = self.image.as_ref().or(self.audio.as_ref());
        let file = || file.map(|path| path.display().to_string());
        self.id.clone().or_else(file).unwrap_or_else(|| "text".to_string())
    }

    /// Reads relative paths from `folder`.
    pub(super) fn relative_to(mut self, folder: &Path) -> Self {
        self.image = self.image.map(|path| folder.join(path));
        self.audio = self.audio.map(|path| folder.join(path));
        self
    }

    /// What keeps the record from being processed at all.
    pub(super) fn problem(&self) -> Option<&'static str> {
        let blank = |text: &String| text.trim().is_empty();
        if self.image.is_none() && self.audio.is_none() && self.text.is_none() {
            return Some("the record has none of image, audio and text");
        }
        if self.text.as_ref().is_some_and(blank) {
            return Some("the record's text is empty");
        }
        None
    }
}
