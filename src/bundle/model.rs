//! A model folder reduced to the precisions that a device file names.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use serde_yaml::{Mapping, Value};
use sha2::{Digest, Sha256};

use edgefuse::config::model_folder::{FileSpec, GraphSpec, ModelFolder};
use edgefuse::config::{ConfigError, MODEL_FILE, ModelEntry, Wanted};
use edgefuse::engine::{EngineError, Machine, possible_precisions};
use edgefuse::error::Error;
use edgefuse::hex::hex;
use edgefuse::models::read_folder;
use edgefuse::small_file::{self, SmallFileError};

/// Maximum size of `model.yaml`, as in `ModelFolder::load`.
const LARGEST: u64 = 1 << 20;

/// The part of a model folder that a device uses.
pub(super) struct Reduced {
    pub folder: ModelFolder,
    /// The reduced `model.yaml`.
    pub yaml: String,
    /// The other files.
    pub files: BTreeMap<String, FileSpec>,
}

/// The precisions of one graph that a device uses: the named one or, with `auto`, all that may be chosen on `target`.
pub(super) fn precisions(entry: &ModelEntry, role: &str, graph: &GraphSpec, target: Machine) -> BTreeSet<String> {
    match entry.precision.of(role) {
        Wanted::Named(name) => BTreeSet::from([name.to_string()]),
        Wanted::Auto => possible_precisions(graph, target, entry.execution_providers.of(role)),
    }
}

/// Reads the folder of `entry` and omits what its precisions do not need on `target`.
pub(super) fn reduced(entry: &ModelEntry, target: Machine) -> Result<Reduced, Error> {
    let folder = read_folder(entry)?;
    let path = folder.file(MODEL_FILE);
    let read = |error: SmallFileError| Error::Read { path: path.clone(), source: io::Error::other(error.to_string()) };
    let whole = small_file::read_text(&path, LARGEST).map_err(read)?;
    let files = needed(&folder, entry, target)?;
    let unreadable = |error: serde_yaml::Error| {
        Error::Model(ConfigError::Yaml { path: path.clone(), line: 0, column: 0, problem: error.to_string() })
    };
    // Where nothing is left out, indexes know the model by the file as it is.
    let all = files.len() == folder.common.files.len();
    let yaml = if all { whole } else { without_unused(&whole, &folder, &files, entry, target).map_err(unreadable)? };
    Ok(Reduced { yaml, files, folder })
}

/// `model.yaml` without the precisions and files that are not used, and with the digest of the whole one.
fn without_unused(
    whole: &str,
    folder: &ModelFolder,
    files: &BTreeMap<String, FileSpec>,
    entry: &ModelEntry,
    target: Machine,
) -> Result<String, serde_yaml::Error> {
    let mut yaml: Value = serde_yaml::from_str(whole)?;
    if let Some(listed) = mapping(&mut yaml, "files") {
        listed.retain(|name, _| name.as_str().is_some_and(|name| files.contains_key(name)));
    }
    for (role, graph) in mapping(&mut yaml, "graphs").into_iter().flatten() {
        let role = role.as_str().unwrap_or_default();
        let Some(spec) = folder.common.graphs.get(role) else { continue };
        let used = precisions(entry, role, spec, target);
        for key in ["files", "weights", "needs"] {
            let Some(by_precision) = mapping(graph, key) else { continue };
            by_precision.retain(|name, _| name.as_str().is_some_and(|name| used.contains(name)));
            if by_precision.is_empty()
                && let Some(graph) = graph.as_mapping_mut()
            {
                graph.remove(key);
            }
        }
    }
    if let Some(keys) = yaml.as_mapping_mut() {
        let digest = folder.common.reduced_from.clone().unwrap_or_else(|| hex(&Sha256::digest(whole)));
        keys.insert("reduced_from".into(), digest.into());
    }
    serde_yaml::to_string(&yaml)
}

fn mapping<'a>(value: &'a mut Value, key: &str) -> Option<&'a mut Mapping> {
    value.get_mut(key)?.as_mapping_mut()
}

/// The files of every graph in its precisions, the tokenizer, and what else the kind reads.
fn needed(folder: &ModelFolder, entry: &ModelEntry, target: Machine) -> Result<BTreeMap<String, FileSpec>, Error> {
    let common = &folder.common;
    let tokenizer = folder.spec.tokenizer();
    let mut names: Vec<String> = tokenizer.into_iter().chain(folder.spec.files()).map(str::to_string).collect();
    for (role, graph) in &common.graphs {
        for precision in precisions(entry, role, graph, target) {
            let file = graph.files.get(&precision).ok_or_else(|| EngineError::Precision {
                model: common.name.clone(),
                graph: role.clone(),
                wanted: precision.clone(),
                available: graph.files.keys().cloned().collect(),
            })?;
            names.extend([file.clone(), graph.weights_file(&precision, file)]);
        }
    }
    // A graph with embedded weights has no weights file.
    Ok(names.into_iter().filter_map(|name| Some((name.clone(), common.files.get(&name)?.clone()))).collect())
}
