//! Licences and notices of everything in a bundle.

use std::path::{Path, PathBuf};

use edgefuse::config::model_folder::ModelFolder;

const MIT: &str = include_str!("../../LICENSE-MIT");
const APACHE: &str = include_str!("../../LICENSE-APACHE");

/// Both written by scripts/dev.py list_crates.
const CRATES: &str = include_str!("crates.txt");
const CRATE_LICENSES: &str = include_str!("crate-licenses.txt");

/// The texts built into this program, and the models' licences; `models` are their paths in the bundle and folders.
pub(super) fn texts<'a>(models: impl Iterator<Item = (&'a str, &'a ModelFolder)>) -> Vec<(&'static str, String)> {
    let described = models.map(|(place, folder)| {
        let source = &folder.common.source;
        format!(
            "{place}\n  weights  {}\n  origin   {}\n  license  {}\n  exporter {}\n",
            source.weights, source.origin, source.license, source.exporter
        )
    });
    vec![
        ("edgefuse-LICENSE-MIT", MIT.to_string()),
        ("edgefuse-LICENSE-APACHE", APACHE.to_string()),
        ("edgefuse-crates.txt", CRATES.to_string()),
        ("edgefuse-crate-licenses.txt", CRATE_LICENSES.to_string()),
        ("models.txt", described.collect::<Vec<_>>().join("\n")),
    ]
}

/// The notices beside the library, where scripts/setup.sh puts them.
pub(super) fn of_library(library: &Path) -> Vec<(&'static str, PathBuf)> {
    let folder = library.parent().unwrap_or(Path::new(""));
    let notices = ["onnxruntime-LICENSE", "onnxruntime-ThirdPartyNotices.txt"].map(|name| (name, folder.join(name)));
    for (name, path) in &notices {
        if !path.is_file() {
            log::warn!(
                "{} is not beside the library: add ONNX Runtime's {name} before you pass the bundle on",
                path.display()
            );
        }
    }
    notices.into_iter().filter(|(_, path)| path.is_file()).collect()
}
