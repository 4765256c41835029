//! What a bundle requires of a board, derived from the packed files: glibc, and the processor if the library needs a
//! particular one.

use std::path::Path;

use super::model;
use edgefuse::config::ModelEntry;
use edgefuse::config::model_folder::{ModelFolder, RuntimeVersion};
use edgefuse::engine::{Machine, Processor, SymbolVersions, oldest_library};
use edgefuse::error::Error;

/// Requirements of the board, apart from its architecture.
#[derive(Debug, Default)]
pub(super) struct Requirements {
    /// The oldest glibc that program and library run with; `None` if unknown.
    pub glibc: Option<RuntimeVersion>,
    /// Requirements of some boards only, and those that could not be checked; one line each.
    pub notes: Vec<String>,
}

impl Requirements {
    /// Compares the version of the packed library with what the models need on a board of this architecture.
    ///
    /// # Errors
    /// [`Error::Bundle`] for a library that is too old on any such board.
    pub fn of(
        target: Machine,
        program: &Path,
        library: Option<&Path>,
        models: &[(&ModelEntry, &ModelFolder)],
    ) -> Result<Self, Error> {
        let mut requirements = Requirements::default();
        let mut version = None;
        for path in [Some(program), library].into_iter().flatten() {
            match SymbolVersions::of_file(path) {
                Ok(found) => {
                    requirements.glibc = requirements.glibc.max(found.glibc);
                    version = version.max(found.onnxruntime);
                }
                Err(why) => {
                    requirements.notes.push(format!("{}: {why}; the glibc that it needs is unknown", path.display()))
                }
            }
        }
        let Some(library) = library else { return Ok(requirements) };
        let Some(version) = version else {
            let note = format!("{}: its version is unknown; `doctor` on the board checks it", library.display());
            requirements.notes.push(note);
            return Ok(requirements);
        };
        for (entry, folder) in models {
            for (role, graph) in &folder.common.graphs {
                // The least demanding precision: a board that cannot run one of several uses another.
                let precisions = model::precisions(entry, role, graph, target);
                let on = |processor: Processor| {
                    let needed = precisions.iter().map(|precision| (processor.needed(graph, precision), precision));
                    needed.min().and_then(|(needed, precision)| Some((needed?, precision)))
                };
                let needed: Vec<_> =
                    Processor::of_machine(target).iter().filter_map(|&processor| on(processor)).collect();
                let all = needed.len() == Processor::of_machine(target).len();
                let Some(&(worst, precision)) = needed.iter().max() else { continue };
                let best =
                    needed.iter().map(|(version, _)| *version).min().filter(|_| all).unwrap_or_else(oldest_library);
                let what = format!("{}/{role} in precision `{precision}`", folder.common.name);
                if version < best {
                    let problem = format!(
                        "{}: ONNX Runtime {version} is too old: {what} needs {best} or newer; set a newer one with --library",
                        library.display()
                    );
                    return Err(Error::Bundle { problem });
                }
                if version < worst {
                    let note = format!(
                        "{what} needs a board with AVX2, or ONNX Runtime {worst} or newer instead of the packed {version}"
                    );
                    requirements.notes.push(note);
                }
            }
        }
        Ok(requirements)
    }
}
