//! The signature of a request, as GitHub's webhooks have it: HMAC-SHA256 of the body.

use std::path::Path;

use edgefuse::hex::hex;
use edgefuse::small_file;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Longer than any secret.
const LARGEST_FILE: u64 = 4096;

/// A secret that the receiver has too.
pub struct Secret(Hmac<Sha256>);

impl Secret {
    /// Reads the file's text, without line breaks at its end.
    ///
    /// # Errors
    /// One line that names the file.
    pub fn read(file: &Path) -> Result<Self, String> {
        let wrong = |problem: &str| format!("{}: {problem}", file.display());
        let text = small_file::read_text(file, LARGEST_FILE).map_err(|error| wrong(&error.to_string()))?;
        let secret = text.trim_end_matches(['\r', '\n']);
        if secret.is_empty() {
            return Err(wrong("no secret; `openssl rand -hex 32` makes one"));
        }
        Hmac::new_from_slice(secret.as_bytes()).map(Secret).map_err(|error| wrong(&error.to_string()))
    }

    /// `sha256=` and the digest in hexadecimal.
    pub fn sign(&self, body: &[u8]) -> String {
        let digest = self.0.clone().chain_update(body).finalize().into_bytes();
        format!("sha256={}", hex(&digest))
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    /// The example in GitHub's documentation on validating deliveries.
    #[test]
    fn signs_as_github_does() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "It's a Secret to Everybody\n").unwrap();
        let expected = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert_eq!(Secret::read(file.path()).unwrap().sign(b"Hello, World!"), expected);
        std::fs::write(file.path(), "\n").unwrap();
        assert!(Secret::read(file.path()).err().unwrap().contains("no secret"));
    }
}
