//! Lists of texts that a step compares with every record.

use std::sync::{Arc, Mutex, PoisonError};

use crate::config::Texts;
use crate::error::Error;

/// Texts of the device file or command line, and their tokenized form, cached on first use.
pub(super) struct List<T> {
    texts: Vec<String>,
    read: Mutex<Option<Arc<T>>>,
}

impl<T> List<T> {
    /// Reads the texts.
    ///
    /// # Errors
    /// [`Error::Config`] for a list that cannot be used.
    pub fn load(texts: &Texts) -> Result<Self, Error> {
        Ok(List { texts: texts.load()?, read: Mutex::new(None) })
    }

    /// The texts as they are.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// The texts as prepared by the model; `read` is called the first time.
    ///
    /// # Errors
    /// Those of `read`, which is then called again the next time.
    pub fn read(&self, read: impl FnOnce(&[String]) -> Result<T, Error>) -> Result<Arc<T>, Error> {
        let mut known = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*known {
            return Ok(known.clone());
        }
        Ok(known.insert(Arc::new(read(&self.texts)?)).clone())
    }
}
