//! The table of model kinds.

use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::blip::Blip;
use super::blip2::Blip2;
use super::capability::Model;
use super::loader::Loader;
use super::student::Student;
#[cfg(test)]
use super::toy::Toy;
use super::vad::Vad;
use super::vocabulary::Vocabulary;
use super::whisper::Whisper;
use crate::config::ModelEntry;
use crate::config::model_folder::{KindSpec, ModelFolder, SpecReader};
use crate::error::Error;

/// All kinds. A new kind adds one line here.
const KINDS: &[Kind] = &[
    Kind::of::<Whisper>(),
    Kind::of::<Blip>(),
    Kind::of::<Blip2>(),
    Kind::of::<Student>(),
    Kind::of::<Vad>(),
    #[cfg(test)]
    Kind::of::<Toy>(),
];

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

/// An entry of the table.
pub(super) struct Kind {
    name: &'static str,
    reader: SpecReader,
    load: fn(Loader) -> Result<Arc<dyn Model>, Error>,
    check_files: fn(&ModelFolder) -> Result<(), Error>,
}

impl Kind {
    const fn of<M: ModelKind>() -> Self {
        Kind {
            name: M::KIND,
            reader: SpecReader::of::<M::Spec>(),
            load: |loader| Ok(Arc::new(M::load(loader)?)),
            check_files: M::check_files,
        }
    }
}

/// Reads and checks `model.yaml` in the folder of `entry`.
///
/// # Errors
/// [`Error::Model`].
pub fn read_folder(entry: &ModelEntry) -> Result<ModelFolder, Error> {
    let readers: Vec<_> = KINDS.iter().map(|kind| (kind.name, kind.reader)).collect();
    ModelFolder::read(entry, &readers).map_err(Error::Model)
}

/// Loads the model of a folder, whatever its kind.
///
/// # Errors
/// [`Error`] if a file of the folder cannot be loaded.
pub fn load(loader: Loader) -> Result<Arc<dyn Model>, Error> {
    let folder = loader.folder().clone();
    (of(&folder)?.load)(loader)
}

/// Checks a folder's files, apart from its graphs.
///
/// # Errors
/// [`Error::Tokenizer`] for a tokenizer that cannot be used.
pub(super) fn check_files(folder: &ModelFolder) -> Result<(), Error> {
    (of(folder)?.check_files)(folder)
}

fn of(folder: &ModelFolder) -> Result<&'static Kind, Error> {
    // A folder that was read has a known kind.
    KINDS.iter().find(|kind| kind.name == folder.kind).ok_or_else(|| Error::Request {
        model: folder.common.name.clone(),
        problem: format!("unknown kind `{}`", folder.kind),
    })
}
