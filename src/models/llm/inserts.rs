//! Prompts with something between their tokens: pictures. A language model by itself has [`TextOnly`].

use crate::error::Error;
use crate::models::generation::ImageRows;

/// A prompt as the decoder reads it.
pub(in crate::models) struct Fed {
    /// The tokens; some of them stand for `rows`.
    pub ids: Vec<i64>,
    /// What identifies each position: prompts with the same beginning share what was computed for it.
    pub keys: Vec<i64>,
    /// The rows of pictures, if the prompt has any.
    pub rows: Option<ImageRows>,
}

/// What is put into a prompt, and where.
pub(in crate::models) trait Inserts {
    /// The text of a conversation with what stands for the inserts, from the text that the chat template wrote.
    ///
    /// # Errors
    /// [`Error::Input`] if the template left out an insert.
    fn expand(&self, text: String) -> Result<String, Error>;

    /// The prompt of these tokens.
    ///
    /// # Errors
    /// [`Error::Engine`] if a graph fails that encodes an insert.
    fn fed(&self, ids: Vec<i64>) -> Result<Fed, Error>;
}

/// No inserts.
pub(in crate::models) struct TextOnly;

impl Inserts for TextOnly {
    fn expand(&self, text: String) -> Result<String, Error> {
        Ok(text)
    }

    fn fed(&self, ids: Vec<i64>) -> Result<Fed, Error> {
        Ok(Fed { keys: ids.clone(), ids, rows: None })
    }
}
