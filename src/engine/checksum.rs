//! Compares files with the size and SHA-256 in `model.yaml`.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::error::EngineError;
use crate::config::model_folder::FileSpec;
use crate::support::hex::hex;

/// Files that this process has verified: a model that was unloaded to make room is loaded again without hashing it
/// twice. A file that was written to or replaced since then is read again.
#[derive(Default)]
pub(super) struct Verified(Mutex<BTreeMap<PathBuf, (Version, String)>>);

/// Number of attempts to hash a file that changes meanwhile.
const ATTEMPTS: usize = 3;

/// Version of a file. Its change time is set by the system and cannot be set back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version {
    device: u64,
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
}

impl Version {
    fn of(metadata: &Metadata) -> Self {
        Version {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    fn same_file(&self, other: &Version) -> bool {
        (self.device, self.inode, self.bytes) == (other.device, other.inode, other.bytes)
    }
}

impl Verified {
    /// [`verify`], unless the file is known already.
    ///
    /// # Errors
    /// As [`verify`].
    pub fn verify(&self, path: &Path, expected: &FileSpec) -> Result<(), EngineError> {
        for _ in 0..ATTEMPTS {
            let now = version(path)?;
            let known = (now, expected.sha256.clone());
            if self.known(path).as_ref() == Some(&known) {
                return Ok(());
            }
            verify(path, expected)?;
            // The hash describes the current file only if nothing happened to it meanwhile.
            if version(path)? == now {
                self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_path_buf(), known);
                return Ok(());
            }
        }
        Err(changed(path))
    }

    /// Checks that a verified file is unchanged: the same file, with the same hash if its metadata changed (hard links
    /// and permissions count too).
    ///
    /// # Errors
    /// [`EngineError::Checksum`] if it is not.
    pub fn unchanged(&self, path: &Path, expected: &FileSpec) -> Result<(), EngineError> {
        let now = version(path)?;
        match self.known(path) {
            Some((verified, _)) if verified == now => Ok(()),
            Some((verified, _)) if verified.same_file(&now) => self.verify(path, expected),
            _ => Err(changed(path)),
        }
    }

    fn known(&self, path: &Path) -> Option<(Version, String)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned()
    }
}

fn version(path: &Path) -> Result<Version, EngineError> {
    let metadata = path.metadata().map_err(|source| EngineError::Read { path: path.to_path_buf(), source })?;
    Ok(Version::of(&metadata))
}

/// Error for a file that changed while it was hashed.
fn changed(path: &Path) -> EngineError {
    let problem = "it changed while it was being loaded".to_string();
    EngineError::Checksum { path: path.to_path_buf(), problem }
}

/// Checks that the file at `path`, in a model folder, is the one that `expected` describes: a regular file in the
/// folder, directly or by a symbolic link within the folder.
///
/// # Errors
/// [`EngineError::Read`] or [`EngineError::Checksum`].
pub fn verify(path: &Path, expected: &FileSpec) -> Result<(), EngineError> {
    let read = |source| EngineError::Read { path: path.to_path_buf(), source };
    let differs = |problem: String| EngineError::Checksum { path: path.to_path_buf(), problem };
    let inside = |path: &Path| Ok(path.canonicalize()?.parent() == Some(&folder_of(path).canonicalize()?));
    if !inside(path).map_err(read)? {
        return Err(differs("it is a symbolic link to a file outside the model folder".to_string()));
    }
    // Checked before opening: opening a pipe blocks until it has a writer.
    if !path.metadata().map_err(read)?.is_file() {
        return Err(differs("it is not a regular file".to_string()));
    }
    let mut file = File::open(path).map_err(read)?;
    let bytes = file.metadata().map_err(read)?.len();
    if bytes != expected.bytes {
        return Err(differs(format!("{bytes} bytes, but model.yaml says {}", expected.bytes)));
    }
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer).map_err(read)? {
            0 => break,
            count => hash.update(&buffer[..count]),
        }
    }
    compare(path, hash, expected)
}

/// [`verify`] for the content of a file that was already read.
///
/// # Errors
/// [`EngineError::Checksum`].
pub fn verify_bytes(path: &Path, bytes: &[u8], expected: &FileSpec) -> Result<(), EngineError> {
    if bytes.len() as u64 != expected.bytes {
        let problem = format!("{} bytes, but model.yaml says {}", bytes.len(), expected.bytes);
        return Err(EngineError::Checksum { path: path.to_path_buf(), problem });
    }
    compare(path, Sha256::new_with_prefix(bytes), expected)
}

/// The folder of a file.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn compare(path: &Path, hash: Sha256, expected: &FileSpec) -> Result<(), EngineError> {
    let differs = |problem: String| EngineError::Checksum { path: path.to_path_buf(), problem };
    let found = hex(&hash.finalize());
    if !found.eq_ignore_ascii_case(&expected.sha256) {
        return Err(differs(format!("SHA-256 is {found:.12}..., but model.yaml says {:.12}...", expected.sha256)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detects_a_flipped_byte_and_a_wrong_size() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("graph.onnx");
        let spec = FileSpec {
            // printf abc | sha256sum
            sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_string(),
            bytes: 3,
        };
        std::fs::write(&path, "abc").unwrap();
        verify(&path, &spec).unwrap();
        std::fs::write(&path, "abd").unwrap();
        assert!(verify(&path, &spec).unwrap_err().to_string().contains("SHA-256"));
        std::fs::write(&path, "ab").unwrap();
        assert!(verify(&path, &spec).unwrap_err().to_string().contains("2 bytes, but"));
    }

    #[test]
    fn a_file_is_read_again_only_after_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("graph.onnx");
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_string();
        let spec = FileSpec { sha256, bytes: 3 };
        let verified = Verified::default();
        std::fs::write(&path, "abc").unwrap();
        verified.verify(&path, &spec).unwrap();
        verified.verify(&path, &spec).unwrap();
        // Another file of the same length in its place, with the times of the first.
        let times = path.metadata().unwrap().modified().unwrap();
        let other = folder.path().join("other");
        std::fs::write(&other, "abd").unwrap();
        File::options().write(true).open(&other).unwrap().set_modified(times).unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert!(verified.verify(&path, &spec).unwrap_err().to_string().contains("SHA-256"));
        // A file is verified for one hash only.
        let (known, other) = (folder.path().join("known"), FileSpec { sha256: "0".repeat(64), bytes: 3 });
        std::fs::write(&known, "abc").unwrap();
        verified.verify(&known, &spec).unwrap();
        assert!(verified.verify(&known, &other).is_err());
        // Written to while it is loaded.
        verified.unchanged(&known, &spec).unwrap();
        std::fs::hard_link(&known, folder.path().join("link")).unwrap();
        verified.unchanged(&known, &spec).unwrap();
        std::fs::write(&known, "abd").unwrap();
        assert!(verified.unchanged(&known, &spec).unwrap_err().to_string().contains("SHA-256"));
        std::fs::write(&known, "abcd").unwrap();
        assert!(verified.unchanged(&known, &spec).unwrap_err().to_string().contains("changed while"));
    }

    #[test]
    fn a_link_may_not_leave_the_folder() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_string();
        let spec = FileSpec { sha256, bytes: 3 };
        let (inner, outer) = (folder.path().join("inner"), other.path().join("outer"));
        std::fs::write(&inner, "abc").unwrap();
        std::fs::write(&outer, "abc").unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&inner, &link).unwrap();
        verify(&link, &spec).unwrap();
        std::fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(&outer, &link).unwrap();
        assert!(verify(&link, &spec).unwrap_err().to_string().contains("outside the model folder"));
        // The folder itself may be a link.
        let elsewhere = other.path().join("folder");
        std::os::unix::fs::symlink(folder.path(), &elsewhere).unwrap();
        verify(&elsewhere.join("inner"), &spec).unwrap();
        assert!(verify(folder.path(), &spec).is_err());
    }
}
