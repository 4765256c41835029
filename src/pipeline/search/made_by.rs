//! What identifies a model to an index.

use std::fs;

use sha2::{Digest, Sha256};

use crate::config::{Device, MODEL_FILE};
use crate::error::Error;
use crate::index::MadeBy;
use crate::models::read_folder;
use crate::support::hex::hex;

/// Digits of the digest.
const DIGITS: usize = 16;

/// Name of the model called `key` under `models`, and a digest of its `model.yaml`, which lists the hash of every file: of
/// the whole one, if this is a bundle's, which has fewer precisions. The vectors of all precisions can be compared.
pub(in crate::pipeline) fn made_by(device: &Device, key: &str) -> Result<MadeBy, Error> {
    let Some(entry) = device.models.get(key) else {
        let known = device.models.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        return Err(Error::UnknownModel { config: device.path.clone(), name: key.to_string(), known });
    };
    let common = read_folder(entry)?.common;
    let digest = match common.reduced_from {
        Some(digest) => digest,
        None => {
            let path = entry.path.join(MODEL_FILE);
            hex(&Sha256::digest(fs::read(&path).map_err(|source| Error::Read { path, source })?))
        }
    };
    Ok(MadeBy { name: common.name, digest: digest.chars().take(DIGITS).collect() })
}
