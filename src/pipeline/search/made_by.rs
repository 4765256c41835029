//! What identifies a model to an index.

use std::fs;

use sha2::{Digest, Sha256};

use crate::config::{Device, MODEL_FILE};
use crate::error::Error;
use crate::index::MadeBy;
use crate::models::read_folder;
use crate::support::hex::hex;

/// Name of the model called `key` under `models`, and a digest of its `model.yaml`, which lists the hash of every file.
/// Precisions are left out: their vectors can be compared.
pub(in crate::pipeline) fn made_by(device: &Device, key: &str) -> Result<MadeBy, Error> {
    let Some(entry) = device.models.get(key) else {
        let known = device.models.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        return Err(Error::UnknownModel { config: device.path.clone(), name: key.to_string(), known });
    };
    let name = read_folder(entry)?.common.name;
    let path = entry.path.join(MODEL_FILE);
    let bytes = fs::read(&path).map_err(|source| Error::Read { path, source })?;
    Ok(MadeBy { name, digest: hex(&Sha256::digest(bytes)[..8]) })
}
