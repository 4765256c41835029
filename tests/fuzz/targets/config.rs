//! Device files, `model.yaml`, lists of texts.

use std::collections::HashSet;

use edgefuse::config::{Device, MODEL_FILE, ModelEntry, Precisions, Texts};
use edgefuse::models::read_folder;

use super::{accepted, scratch};

/// Without the files that it extends: files named by an input must not be opened.
pub(super) fn device(bytes: &[u8]) -> bool {
    if bytes.windows(7).any(|key| key == b"extends") {
        return false;
    }
    scratch::with_file("device.yaml", bytes, |path| {
        let Some(device) = accepted(Device::load_for_elsewhere(path)) else { return false };
        assert!(device.providers().count() > 0, "a device without a provider");
        assert!(device.path == path && device.extended.is_empty());
        true
    })
}

pub(super) fn model_folder(bytes: &[u8]) -> bool {
    scratch::with_file(MODEL_FILE, bytes, |path| {
        let entry = ModelEntry {
            origin: "fuzz".to_string(),
            precision: Precisions::default(),
            ..ModelEntry::new(path.parent().expect("a folder"))
        };
        let Some(folder) = accepted(read_folder(&entry)) else { return false };
        for name in folder.common.files.keys() {
            assert_eq!(folder.file(name).parent(), path.parent(), "a file outside its folder");
        }
        true
    })
}

pub(super) fn texts(bytes: &[u8]) -> bool {
    scratch::with_file("texts.txt", bytes, |path| {
        let Some(texts) = accepted(Texts::File(path.to_path_buf()).load()) else { return false };
        let mut seen = HashSet::new();
        assert!(!texts.is_empty() && texts.iter().all(|text| text.trim() == text && seen.insert(text)), "{texts:?}");
        true
    })
}
