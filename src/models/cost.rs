//! A model's cost in resident memory, and the file that records it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::ByteSize;
use crate::error::Error;

/// Resident memory of one model in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Peak growth while it was loaded.
    pub loading: u64,
    /// Growth that remained after loading.
    pub loaded: u64,
    /// Recent growth while it worked, over what was used before. It depends on the inputs: models are evicted to make
    /// room for it, but no model is refused because of it.
    pub working: u64,
    /// The smallest budget within which it has worked: there a measurement never refuses it.
    #[serde(default)]
    pub worked_within: Option<u64>,
    /// Source of the figures.
    #[serde(skip)]
    pub source: CostSource,
}

/// Source of the figures of a [`Cost`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum CostSource {
    /// Measured on this machine.
    #[default]
    Measured,
    /// Estimated from the sizes of the files; it was not loaded on this machine yet.
    Estimated,
}

impl Cost {
    /// Estimate from the size of a model's graphs: the weights once, mapped or repacked, and half as much again for
    /// what is duplicated while loading and for working memory.
    pub(in crate::models) fn estimated(graph_bytes: u64) -> Self {
        const LEAST_WORKING: u64 = 32 << 20;
        let with_half = graph_bytes.saturating_add(graph_bytes / 2);
        let working = (graph_bytes / 4).max(LEAST_WORKING);
        Cost { loading: with_half, loaded: graph_bytes, working, worked_within: None, source: CostSource::Estimated }
    }

    /// Peak memory.
    pub fn peak(&self) -> u64 {
        self.loading.max(self.loaded.saturating_add(self.working))
    }

    /// Memory that it needs whatever its inputs are.
    pub(super) fn without_inputs(&self) -> u64 {
        self.loading.max(self.loaded)
    }
}

/// The file that records the cost of one model; `None` if there is no cache folder.
///
/// Never in the model folder itself: it may be read-only, and its files are all checked.
pub(in crate::models) fn file(key: &str) -> Option<PathBuf> {
    let variable = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    // CACHE_DIRECTORY is systemd's, for a service that has one.
    let folder = variable("EDGEFUSE_CACHE")
        .or_else(|| variable("CACHE_DIRECTORY"))
        .or_else(|| variable("XDG_CACHE_HOME").map(|cache| cache.join("edgefuse")))
        .or_else(|| variable("HOME").map(|home| home.join(".cache/edgefuse")))?;
    Some(folder.join("memory").join(format!("{key}.json")))
}

/// The recorded cost; `None` if the file cannot be read or parsed.
pub(in crate::models) fn read(file: &Path) -> Option<Cost> {
    serde_json::from_str(&fs::read_to_string(file).ok()?).ok()
}

/// Records the cost. On a read-only file system this fails silently, and the next process measures again.
pub(super) fn write(file: &Path, cost: &Cost) {
    let written = || -> std::io::Result<()> {
        let folder = file.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        // Renamed, so that another process reads either the old or the new figures.
        let partial = file.with_extension(format!("{}.partial", std::process::id()));
        fs::write(&partial, serde_json::to_string(cost)?)?;
        fs::rename(&partial, file)
    };
    if let Err(error) = written() {
        log::debug!("{}: the memory cost of the model is not recorded: {error}", file.display());
    }
}

/// Checks that a model fits into `budget` beside `base`.
///
/// An estimate refuses nothing that may fit: what is certain is that the weights must. A measurement refuses nothing that
/// has worked within this budget, and what inputs took is not counted.
pub fn check(model: &str, cost: Cost, graph_bytes: u64, base: ByteSize, budget: ByteSize) -> Result<(), Error> {
    let certain = match cost.source {
        CostSource::Measured if cost.worked_within.is_some_and(|within| within <= budget.bytes()) => 0,
        CostSource::Measured => cost.without_inputs(),
        CostSource::Estimated => graph_bytes,
    };
    match base.bytes().saturating_add(certain) > budget.bytes() {
        true => Err(refusal(model, certain, cost.source, base, budget)),
        false => Ok(()),
    }
}

pub fn refusal(model: &str, needed: u64, source: CostSource, base: ByteSize, budget: ByteSize) -> Error {
    Error::Budget {
        model: model.to_string(),
        needed: ByteSize::from(needed),
        source_of_figure: match source {
            CostSource::Measured => "measured here",
            CostSource::Estimated => "the size of its graphs",
        },
        base,
        budget,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_remembered_and_a_damaged_file_is_not_believed() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/key.json");
        assert_eq!(read(&file), None);
        let cost = Cost { loading: 9, loaded: 5, working: 3, worked_within: None, source: CostSource::Measured };
        write(&file, &cost);
        assert_eq!(read(&file), Some(cost));
        assert_eq!(cost.peak(), 9);
        // The format of earlier versions.
        fs::write(&file, "{\"loading\": 9, \"loaded\": 5, \"working\": 3}").unwrap();
        assert_eq!(read(&file), Some(cost));
        fs::write(&file, "{\"loading\": -1}").unwrap();
        assert_eq!(read(&file), None);
        // A folder that cannot be created is not an error.
        write(&file.join("x/y.json"), &cost);
    }

    #[test]
    fn the_estimate_is_above_the_files() {
        let cost = Cost::estimated(100 << 20);
        assert!(cost.peak() > 100 << 20 && cost.source == CostSource::Estimated);
        assert!(Cost::estimated(u64::MAX).peak() == u64::MAX);
    }
}
