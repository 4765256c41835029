//! Text to token ids and back.

use std::panic::catch_unwind;
use std::path::Path;

use tokenizers::Tokenizer;

use crate::config::model_folder::ModelFolder;
use crate::engine;
use crate::error::Error;

/// The tokenizer of a model.
pub struct Vocabulary(Tokenizer);

impl Vocabulary {
    /// Reads `file` of a model folder, after checking it against `model.yaml`.
    ///
    /// # Errors
    /// [`Error::Engine`] for a missing or damaged file, [`Error::Tokenizer`] for one that is no tokenizer.
    pub fn load(folder: &ModelFolder, file: &str) -> Result<Self, Error> {
        let path = folder.file(file);
        engine::verify(&path, &folder.common.files[file])?;
        Self::read(&path).map_err(|problem| Error::Tokenizer { path, problem })
    }

    #[doc(hidden)] // Not part of the API: `tests/fuzz` reads files without a model folder around them.
    pub fn read(path: &Path) -> Result<Self, String> {
        let problem = |error: tokenizers::Error| one_line(&error.to_string());
        // The crate panics on some damaged files (a decoder with a key that is no string): damage like any other.
        let mut tokenizer = catch_unwind(|| Tokenizer::from_file(path))
            .unwrap_or_else(|_| Err("it is no tokenizer that this version knows".into()))
            .map_err(problem)?;
        // Lengths are the models' business; a tokenizer.json may come with limits for training.
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(problem)?;
        Ok(Vocabulary(tokenizer))
    }

    /// Token ids of `text`; with `special`, inside the tokens that mark its start and end (`[CLS]` ... `[SEP]`).
    ///
    /// # Errors
    /// [`Error::Input`] for text the tokenizer cannot take.
    pub fn encode(&self, text: &str, special: bool) -> Result<Vec<i64>, Error> {
        let encoding = self.0.encode_fast(text, special).map_err(|error| Error::Input {
            problem: format!("text cannot be tokenized: {}", one_line(&error.to_string())),
        })?;
        Ok(encoding.get_ids().iter().map(|&id| i64::from(id)).collect())
    }

    /// The text of `ids`, without special tokens and without space around it.
    ///
    /// # Errors
    /// [`Error::Input`] when the tokenizer fails on them.
    pub fn decode(&self, ids: &[i64]) -> Result<String, Error> {
        let ids: Vec<u32> = ids.iter().filter_map(|&id| u32::try_from(id).ok()).collect();
        let text = self.0.decode(&ids, true).map_err(|error| Error::Input {
            problem: format!("tokens cannot be read: {}", one_line(&error.to_string())),
        })?;
        Ok(text.trim().to_string())
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
