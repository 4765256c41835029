//! What a bundle asks of a board, from the files that are packed: glibc, and the processor where the library needs one.

use std::path::Path;

use crate::config::ModelEntry;
use crate::config::model_folder::{ModelFolder, RuntimeVersion};
use crate::engine::{Machine, SymbolVersions};
use crate::error::Error;

/// What the board must have, beside the right machine.
#[derive(Debug, Default)]
pub(super) struct Requirements {
    /// The oldest glibc that program and library run with; `None` where they do not say.
    pub glibc: Option<RuntimeVersion>,
    /// What holds on some boards only, or could not be checked; a line each.
    pub notes: Vec<String>,
}

impl Requirements {
    /// Compares the version of the packed library with what the models need on a board of this machine.
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
                let precision = entry.precision.of(role);
                let Some(needs) = graph.needs.get(precision) else { continue };
                let what = format!("{}/{role} in precision `{precision}`", folder.common.name);
                // At best: whether the board's x86 has AVX2 is not known here.
                let (best, worst) = (needs.on(target == Machine::X86_64), needs.on(false));
                if version < best {
                    let problem = format!(
                        "{}: ONNX Runtime {version} is too old: {what} needs {best} or newer; name a newer one with --library",
                        library.display()
                    );
                    return Err(Error::Bundle { problem });
                }
                if version < worst {
                    let note = format!(
                        "{what} needs a board with AVX2, or ONNX Runtime {worst} or newer in place of the packed {version}"
                    );
                    requirements.notes.push(note);
                }
            }
        }
        Ok(requirements)
    }
}
