//! The trait of model kinds.

use serde::de::DeserializeOwned;

use super::capability::Model;
use super::loader::Loader;
use super::vocabulary::Vocabulary;
use crate::config::model_folder::{KindSpec, ModelFolder};
use crate::error::Error;

/// A kind of model: its type, and how a model of it is loaded.
pub trait ModelKind: Model + Sized {
    /// The word in `kind:` of `model.yaml`.
    const KIND: &'static str;

    /// Its constants in `model.yaml`.
    type Spec: KindSpec + DeserializeOwned;

    /// Loads the model. Graphs that only some tasks need may be loaded later.
    ///
    /// # Errors
    /// [`Error`] if the folder holds another kind of model, or a file of it cannot be loaded.
    fn load(loader: Loader) -> Result<Self, Error>;

    /// Checks the folder's files, apart from its graphs.
    ///
    /// # Errors
    /// [`Error::Tokenizer`] for a tokenizer that cannot be used.
    fn check_files(folder: &ModelFolder) -> Result<(), Error> {
        folder.spec.tokenizer().map_or(Ok(()), |tokenizer| Vocabulary::load(folder, tokenizer).map(drop))
    }
}
