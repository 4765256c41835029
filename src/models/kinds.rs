//! The table of model kinds.

use std::path::PathBuf;
use std::sync::Arc;

use super::blip::Blip;
use super::blip2::Blip2;
use super::capability::Model;
use super::encoder::Encoder;
use super::kind::ModelKind;
use super::llm::LanguageModel;
use super::loader::Loader;
#[cfg(feature = "remote")]
use super::remote::Remote;
use super::student::Student;
#[cfg(test)]
use super::toy::Toy;
use super::vad::Vad;
use super::vlm::VisionLanguageModel;
use super::whisper::Whisper;
use crate::config::ModelEntry;
use crate::config::model_folder::{ModelFolder, SpecReader};
use crate::engine::Engine;
use crate::error::Error;

/// All kinds. A new kind is one line here.
const KINDS: &[Kind] = &[
    Kind::of::<Whisper>(),
    Kind::of::<Blip>(),
    Kind::of::<Blip2>(),
    Kind::of::<LanguageModel>(),
    Kind::of::<VisionLanguageModel>(),
    Kind::of::<Encoder>(),
    Kind::of::<Student>(),
    Kind::of::<Vad>(),
    #[cfg(feature = "remote")]
    Kind {
        name: ModelFolder::REMOTE,
        reader: None,
        load: |loader| Ok(Arc::new(Remote::load(&loader)?)),
        check_files: |_| Ok(()),
    },
    #[cfg(test)]
    Kind::of::<Toy>(),
];

/// An entry of the table.
pub(super) struct Kind {
    name: &'static str,
    /// `None` if no folder can be of this kind.
    reader: Option<SpecReader>,
    load: fn(Loader) -> Result<Arc<dyn Model>, Error>,
    check_files: fn(&ModelFolder) -> Result<(), Error>,
}

impl Kind {
    const fn of<M: ModelKind>() -> Self {
        Kind {
            name: M::KIND,
            reader: Some(SpecReader::of::<M::Spec>()),
            load: |loader| Ok(Arc::new(M::load(loader)?)),
            check_files: M::check_files,
        }
    }
}

/// Reads and checks `model.yaml` in the folder of `entry`. A model behind an endpoint has a folder without files.
///
/// # Errors
/// [`Error::Model`].
pub fn read_folder(entry: &ModelEntry) -> Result<ModelFolder, Error> {
    if let Some(endpoint) = &entry.endpoint {
        return Ok(ModelFolder::of_endpoint(entry, endpoint));
    }
    let readers: Vec<_> = KINDS.iter().filter_map(|kind| Some((kind.name, kind.reader?))).collect();
    ModelFolder::read(entry, &readers).map_err(Error::Model)
}

/// Loads a model of whatever kind its folder is.
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

/// Loading starts at a folder of any kind.
impl Loader {
    /// Reads the model folder at `path`, to be loaded on the CPU, each graph in the precision that suits this machine.
    ///
    /// # Errors
    /// As [`Loader::new`].
    pub fn open(engine: &Arc<Engine>, path: impl Into<PathBuf>) -> Result<Self, Error> {
        Self::new(engine.clone(), &ModelEntry::new(path))
    }

    /// Reads `model.yaml` in the folder of `entry`.
    ///
    /// # Errors
    /// [`Error::Model`]; [`Error::Request`] if the entry names graphs that the folder does not have.
    pub fn new(engine: Arc<Engine>, entry: &ModelEntry) -> Result<Self, Error> {
        Self::of_folder(engine, Arc::new(read_folder(entry)?), entry)
    }
}
