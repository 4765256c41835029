//! TensorRT's engine cache folders.

use std::fs;
use std::io;
use std::path::PathBuf;

use crate::config::TensorRtOptions;
use crate::config::model_folder::ProfileShapes;
use crate::engine::error::EngineError;

/// Key of an engine cache folder: two graphs must never share a folder
/// (onnxruntime #6455: one engine served for another model).
pub(in crate::engine) struct CacheKey<'a> {
    /// Hash of the graph and its weights together.
    pub sha256: &'a str,
    pub precision: &'a str,
    pub library_version: &'a str,
    /// The shapes that engines are built for.
    pub profiles: Option<&'a ProfileShapes>,
}

/// Creates the folder for the engines of one graph and checks that it is writable; `None` if no cache is configured.
pub(super) fn folder(options: &TensorRtOptions, key: &CacheKey) -> Result<Option<PathBuf>, EngineError> {
    let Some(cache) = &options.engine_cache else { return Ok(None) };
    // Engines of one precision cannot be used for another, and those for another GPU or TensorRT are not even read. All
    // of this is part of the name, because TensorRT itself checks only shapes.
    let kind = match (options.fp16, options.int8) {
        (false, false) => "fp32",
        (true, false) => "fp16",
        (false, true) => "int8",
        (true, true) => "fp16-int8",
    };
    let folder = cache.join(format!(
        "{}-{}-{kind}-ort{}-gpu{}{}",
        key.sha256,
        key.precision,
        key.library_version,
        options.device_id,
        options.dla_core.map(|core| format!("-dla{core}")).unwrap_or_default()
    ));
    let unwritable = |source: io::Error| EngineError::EngineCache { path: folder.clone(), source };
    fs::create_dir_all(&folder).map_err(unwritable)?;
    // An existing folder may be on a read-only file system: better to fail now than after minutes of building.
    let probe = folder.join(format!(".edgefuse-{}", std::process::id()));
    fs::write(&probe, b"").and_then(|()| fs::remove_file(&probe)).map_err(unwritable)?;
    Ok(Some(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key<'a>(sha256: &'a str, precision: &'a str) -> CacheKey<'a> {
        CacheKey { sha256, precision, library_version: "1.32.0", profiles: None }
    }

    #[test]
    fn models_precisions_and_devices_are_kept_apart() {
        let cache = tempfile::tempdir().unwrap();
        let options = |fp16, device_id| TensorRtOptions {
            engine_cache: Some(cache.path().to_path_buf()),
            fp16,
            device_id,
            ..TensorRtOptions::default()
        };
        let folders = [
            folder(&options(false, 0), &key("a", "fp32")).unwrap().unwrap(),
            folder(&options(false, 0), &key("b", "fp32")).unwrap().unwrap(),
            folder(&options(false, 0), &key("a", "fp16")).unwrap().unwrap(),
            folder(&options(true, 0), &key("a", "fp32")).unwrap().unwrap(),
            folder(&options(false, 1), &key("a", "fp32")).unwrap().unwrap(),
        ];
        let distinct: std::collections::BTreeSet<_> = folders.iter().collect();
        assert_eq!(distinct.len(), folders.len());
        assert!(folders.iter().all(|folder| folder.read_dir().unwrap().next().is_none()));
        assert_eq!(folder(&TensorRtOptions::default(), &key("a", "fp32")).unwrap(), None);
    }

    #[test]
    fn a_cache_that_cannot_be_written_is_reported() {
        let cache = tempfile::NamedTempFile::new().unwrap();
        let options = TensorRtOptions { engine_cache: Some(cache.path().join("x")), ..TensorRtOptions::default() };
        let error = folder(&options, &key("a", "fp32")).unwrap_err().to_string();
        assert!(error.contains("engine cache cannot be written") && error.contains("engine_cache"), "{error}");
    }
}
