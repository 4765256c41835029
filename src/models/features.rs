//! Encoders of students: which model of a device computes the embedding that a student accepts instead of a picture, a
//! text or a sound.
//!
//! The device file names it (`encoders`), or the student's `model.yaml` does, by the path of its folder (`made_by`). It is
//! a model of the device like any other: if the device file does not list its folder, [`with_encoders`] adds it under a
//! name of its own, so that it is examined, prepared, packed and counted like the others.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::model_folder::{EmbeddingSpec, Modality, ModelFolder};
use crate::config::{ConfigError, Device, MODEL_FILE, ModelEntry};
use crate::error::Error;

use super::kinds::read_folder;

/// The modalities that encoders turn into embeddings.
const ENCODED: [Modality; 3] = [Modality::Image, Modality::Text, Modality::Audio];

/// The model that computes an embedding for another one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FeatureSource {
    /// Its name under `models`.
    pub key: String,
    /// The modality of the embedding.
    pub modality: Modality,
    /// Why its embeddings may not be those that the other model was trained on, although the device file chose it.
    pub warning: Option<String>,
}

/// Adds the encoders that the folders of `device`'s models name, and that the device file does not list. No task chooses
/// them.
#[must_use]
pub fn with_encoders(mut device: Device) -> Device {
    let listed: Vec<String> = device.models.keys().cloned().collect();
    for key in listed {
        let entry = &device.models[&key];
        // Whoever needs the model reports that its folder cannot be read.
        let Ok(folder) = read_folder(entry) else { continue };
        let chosen = |modality: &Modality| entry.encoders.contains_key(modality);
        let named: Vec<(Modality, PathBuf)> = ENCODED
            .into_iter()
            .filter(|modality| !chosen(modality))
            .filter_map(|modality| Some((modality, folder.spec.embedded(modality)?.folder(&folder.path)?)))
            .collect();
        for (modality, path) in named {
            if of_folder(&device, &path).is_none() {
                let origin = format!("{}: {}_embedding.made_by", folder.file(MODEL_FILE).display(), modality.name());
                let entry = ModelEntry { tasks: Some(Vec::new()), ..device.unlisted_model(path, origin) };
                let name = free_name(&device, &format!("{key}.{}", modality.name()));
                device.models.insert(name, entry);
            }
        }
    }
    device
}

/// The encoders of the model called `key`, checked to compute what it accepts, as far as `model.yaml` files show it.
///
/// # Errors
/// [`Error::Model`] for an encoder that is missing, does not suit, or is not the one that the model was trained with.
pub fn encoders_of(device: &Device, key: &str) -> Result<Vec<FeatureSource>, Error> {
    let Some(entry) = device.models.get(key) else { return Ok(Vec::new()) };
    let folder = read_folder(entry)?;
    let read = |name: &str| Ok(Arc::new(read_folder(&device.models[name])?));
    let all = ENCODED.into_iter().map(|modality| source(device, key, &folder, modality, read));
    all.filter_map(Result::transpose).collect()
}

/// The model of `device` that computes the embedding of `modality` which the model called `key`, of the folder `folder`,
/// accepts; `None` if nothing names one. `read` reads the folder of a model of the device.
pub(super) fn source(
    device: &Device,
    key: &str,
    folder: &ModelFolder,
    modality: Modality,
    read: impl Fn(&str) -> Result<Arc<ModelFolder>, Error>,
) -> Result<Option<FeatureSource>, Error> {
    let chosen = device.models.get(key).and_then(|entry| entry.encoders.get(&modality));
    // Who names the encoder, for errors.
    let place = match chosen {
        Some(_) => (device.path.clone(), format!("models.{key}.encoders.{}", modality.name())),
        None => (folder.file(MODEL_FILE), format!("{}_embedding.made_by", modality.name())),
    };
    let wrong = |problem: String| {
        let problem = format!("{}: {problem}", place.1);
        Error::Model(ConfigError::Yaml { path: place.0.clone(), line: 0, column: 0, problem })
    };
    let Some(spec) = folder.spec.embedded(modality) else {
        return match chosen {
            None => Ok(None),
            Some(_) => {
                let (name, input) = (&folder.common.name, modality.name());
                Err(wrong(format!("{name} does not accept `{input}_embedding`; remove the key")))
            }
        };
    };
    let found = match (chosen, spec.folder(&folder.path)) {
        (Some(chosen), _) => chosen.clone(),
        (None, None) => return Ok(None),
        (None, Some(path)) => match of_folder(device, &path) {
            Some(found) => found,
            None => return Err(wrong(format!("the device does not list {} under `models`", path.display()))),
        },
    };
    let encoder = read(&found)?;
    let described = format!("{} (kind `{}`, {})", encoder.common.name, encoder.kind, encoder.path.display());
    let Some((role, length)) = encoder.spec.features(&encoder.common.graphs, modality) else {
        let what = modality.name();
        return Err(wrong(format!("{described} computes no features of `{what}`; name an encoder that does")));
    };
    if length != spec.length {
        let problem =
            format!("{described} computes {length} numbers, but {} accepts {}", folder.common.name, spec.length);
        return Err(wrong(problem));
    }
    let doubt = doubt(spec, &encoder, role);
    match (doubt, chosen) {
        (Some(Doubt::Other), None) => Err(wrong(format!(
            "{described} differs in weights from the encoder that {} was trained with; train it again, or name this one \
             in the device file (`models.{key}.encoders.{}`) to use it nevertheless",
            folder.common.name,
            modality.name()
        ))),
        (doubt, _) => Ok(Some(FeatureSource {
            key: found,
            modality,
            warning: doubt.map(|doubt| format!("{}_embedding: {described} {}", modality.name(), doubt.text())),
        })),
    }
}

/// Why an encoder may not be the one that a student was trained with.
enum Doubt {
    Other,
    NoCommonPrecision,
}

impl Doubt {
    fn text(&self) -> &'static str {
        match self {
            Doubt::Other => "differs in weights from the encoder that the student was trained with",
            Doubt::NoCommonPrecision => "has no precision in common with the encoder that the student was trained with",
        }
    }
}

/// Compares the weights of the graph `role` with those that the student knows.
fn doubt(spec: &EmbeddingSpec, encoder: &ModelFolder, role: &str) -> Option<Doubt> {
    if spec.weights.is_empty() {
        return None;
    }
    let now = encoder.weights(role);
    let common: Vec<bool> = spec
        .weights
        .iter()
        .filter_map(|(precision, digest)| Some(now.get(precision)?.eq_ignore_ascii_case(digest)))
        .collect();
    match common[..] {
        [] => Some(Doubt::NoCommonPrecision),
        _ if common.contains(&false) => Some(Doubt::Other),
        _ => None,
    }
}

/// The first model of the folder `path`.
fn of_folder(device: &Device, path: &Path) -> Option<String> {
    let folders = || device.models.iter().filter(|(_, entry)| entry.endpoint.is_none());
    let named = folders().find(|(_, entry)| entry.path == path);
    let same = || {
        let path = path.canonicalize().ok()?;
        folders().find(|(_, entry)| entry.path.canonicalize().is_ok_and(|other| other == path))
    };
    named.or_else(same).map(|(key, _)| key.clone())
}

/// `wanted`, or the first name like it that no model has.
fn free_name(device: &Device, wanted: &str) -> String {
    let numbered = (2..).map(|number| format!("{wanted}-{number}"));
    let mut names = std::iter::once(wanted.to_string()).chain(numbered);
    names.find(|name| !device.models.contains_key(name)).unwrap_or_default()
}
