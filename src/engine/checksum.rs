//! Compares files with the size and SHA-256 that `model.yaml` gives.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::error::EngineError;
use crate::config::model_folder::FileSpec;

/// Checks that the file at `path` is the one `expected` describes.
///
/// # Errors
/// [`EngineError::Read`] or [`EngineError::Checksum`].
pub fn verify(path: &Path, expected: &FileSpec) -> Result<(), EngineError> {
    let read = |source| EngineError::Read { path: path.to_path_buf(), source };
    let differs = |problem: String| EngineError::Checksum { path: path.to_path_buf(), problem };
    let mut file = File::open(path).map_err(read)?;
    let bytes = file.metadata().map_err(read)?.len();
    if bytes != expected.bytes {
        return Err(differs(format!("{bytes} bytes where model.yaml says {}", expected.bytes)));
    }
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer).map_err(read)? {
            0 => break,
            count => hash.update(&buffer[..count]),
        }
    }
    let found = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    if !found.eq_ignore_ascii_case(&expected.sha256) {
        return Err(differs(format!("SHA-256 {found:.12}... where model.yaml says {:.12}...", expected.sha256)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_a_flipped_byte_and_a_wrong_size() {
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
        assert!(verify(&path, &spec).unwrap_err().to_string().contains("2 bytes where"));
    }
}
