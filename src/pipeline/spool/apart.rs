//! Checks that the watched folder and the results folder are not inside one another.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::support::output_error::OutputError;

/// Refuses a results folder inside or above the watched folder, because results would be read as inputs, in particular
/// as manifests. Compares device and inode of each folder on the way up, which resolves symbolic links and bind mounts.
pub(super) fn check(folder: &Path, results: &Path) -> Result<(), Error> {
    let read = |source| Error::Read { path: folder.to_path_buf(), source };
    let write = |source| Error::File(OutputError::Write { path: results.to_path_buf(), source });
    let (inputs, outputs) = (chain(folder).map_err(read)?, chain(results).map_err(write)?);
    if outputs.contains(&inputs[0]) || inputs.contains(&outputs[0]) {
        let problem = format!(
            "one of the results folder and the watched folder {} contains the other: choose separate folders",
            folder.display()
        );
        return Err(Error::Output { path: results.to_path_buf(), problem });
    }
    Ok(())
}

/// Device and inode of a folder and all its ancestors.
fn chain(path: &Path) -> io::Result<Vec<(u64, u64)>> {
    let path: PathBuf = path.canonicalize()?;
    path.ancestors().map(|folder| fs::metadata(folder).map(|it| (it.dev(), it.ino()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sees_through_links() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        fs::create_dir_all(at("in/deep")).unwrap();
        fs::create_dir(at("out")).unwrap();
        std::os::unix::fs::symlink(at("in"), at("link")).unwrap();
        check(&at("in"), &at("out")).unwrap();
        for (folder, results) in
            [("in", "in"), ("in", "link"), ("link", "in"), ("in", "link/deep"), ("in/deep", "link")]
        {
            let error = check(&at(folder), &at(results)).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{folder} {results}");
        }
    }
}
