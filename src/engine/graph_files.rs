//! The files of one graph, checked before ONNX Runtime opens them: `model.yaml` must list every file that it will read.

use std::path::{Path, PathBuf};

use super::checksum::Verified;
use super::error::EngineError;
use super::onnx_file::{self, ExternalData};
use crate::config::model_folder::{FileSpec, ModelFolder};

/// One graph of a model folder in one precision.
pub(super) struct GraphFiles {
    /// The graph file.
    pub path: PathBuf,
    /// Names of the graph file and, if the folder lists one, of the weights file.
    files: Vec<String>,
    /// Number of nodes of the graph.
    pub nodes: usize,
}

impl GraphFiles {
    /// Checks graph and weights against `model.yaml`, and that no tensor's data is stored anywhere else.
    ///
    /// # Errors
    /// [`EngineError::Read`], [`EngineError::Checksum`] and [`EngineError::ExternalData`].
    pub fn check(folder: &ModelFolder, graph: &str, weights: &str, verified: &Verified) -> Result<Self, EngineError> {
        let files = &folder.common.files;
        let path = folder.file(graph);
        verified.verify(&path, &files[graph])?;
        let found = onnx_file::read_onnx(&path).map_err(|source| EngineError::Read { path: path.clone(), source })?;
        let listed = files.get(weights);
        if let Some(problem) = found.external.iter().find_map(|tensor| outside(tensor, weights, listed)) {
            return Err(EngineError::ExternalData { path, problem });
        }
        let mut names = vec![graph.to_string()];
        if let Some(expected) = listed {
            verified.verify(&folder.file(weights), expected)?;
            names.push(weights.to_string());
        }
        Ok(GraphFiles { path, files: names, nodes: found.nodes })
    }

    /// Checks that the files were not written to or replaced since [`GraphFiles::check`]; called once ONNX Runtime has
    /// opened them.
    ///
    /// # Errors
    /// [`EngineError::Checksum`].
    pub fn unchanged(&self, folder: &ModelFolder, verified: &Verified) -> Result<(), EngineError> {
        self.files.iter().try_for_each(|name| verified.unchanged(&folder.file(name), &folder.common.files[name]))
    }
}

/// The problem with the location of a tensor's data, if any; `listed` describes the file `weights`.
fn outside(tensor: &ExternalData, weights: &str, listed: Option<&FileSpec>) -> Option<String> {
    let ExternalData { tensor, location, offset, length } = tensor;
    let Some(listed) = listed.filter(|_| location == weights) else {
        let location = Path::new(location).display();
        return Some(match listed {
            Some(_) => format!("the data of tensor `{tensor}` is in `{location}`, but may only be in `{weights}`"),
            None => {
                format!("the data of tensor `{tensor}` is in `{location}`, which model.yaml does not list as weights")
            }
        });
    };
    // A missing length is that of the tensor; ONNX Runtime checks it against the file.
    let end = offset.checked_add(length.unwrap_or(0));
    if end.is_none_or(|end| end > listed.bytes) {
        return Some(format!("the data of tensor `{tensor}` is beyond the end of `{weights}`"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_listed_weights_are_allowed() {
        let listed = FileSpec { sha256: String::new(), bytes: 100 };
        let problem = |location: &str, offset: u64, length: Option<u64>| {
            let tensor = ExternalData { tensor: "w".into(), location: location.into(), offset, length };
            outside(&tensor, "a.data", Some(&listed))
        };
        assert_eq!(problem("a.data", 40, Some(60)), None);
        assert_eq!(problem("a.data", 100, None), None);
        for location in ["", "./a.data", "b.data", "../a.data", "/etc/passwd", "*/_ORT_MEM_ADDR_/*", "A.data"] {
            assert!(problem(location, 0, Some(1)).unwrap().contains("may only be in `a.data`"), "{location}");
        }
        for (offset, length) in [(40, Some(61)), (101, None), (u64::MAX, Some(2))] {
            assert!(problem("a.data", offset, length).unwrap().contains("beyond the end"), "{offset}");
        }
        let tensor = ExternalData { tensor: "w".into(), location: "a.data".into(), offset: 0, length: None };
        assert!(outside(&tensor, "a.data", None).unwrap().contains("does not list"));
    }
}
