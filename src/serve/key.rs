//! The key that clients must send.

use std::hint::black_box;
use std::path::Path;

use edgefuse::small_file;
use sha2::{Digest, Sha256};

/// Longer than any key.
const LARGEST_FILE: u64 = 4096;

/// Shorter keys can be guessed.
const SHORTEST: usize = 16;

/// A key, kept as its hash: a comparison takes the same time whatever is compared.
pub struct Key([u8; 32]);

impl Key {
    /// Reads the file's only line.
    ///
    /// # Errors
    /// One line that names the file.
    pub fn read(file: &Path) -> Result<Self, String> {
        let wrong = |problem: &str| format!("{}: {problem}", file.display());
        let text = small_file::read_text(file, LARGEST_FILE).map_err(|error| wrong(&error.to_string()))?;
        let key = text.trim();
        if key.len() < SHORTEST || !key.chars().all(|char| char.is_ascii_graphic()) {
            return Err(wrong(
                "a key is one line of at least 16 letters, digits and signs; `openssl rand -hex 32` makes one",
            ));
        }
        Ok(Key(hash(key)))
    }

    /// Whether `given` is the key.
    pub fn is(&self, given: &str) -> bool {
        let different = self.0.iter().zip(hash(given)).fold(0, |different, (a, b)| black_box(different | (a ^ b)));
        different == 0
    }
}

fn hash(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::Key;

    #[test]
    fn a_key_is_one_line_of_some_length() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let read = |text: &str| {
            std::fs::write(file.path(), text).unwrap();
            Key::read(file.path())
        };
        let key = read("0123456789abcdef\n").unwrap();
        assert!(key.is("0123456789abcdef"));
        for other in ["", "0123456789abcde", "0123456789abcdef\n", "1123456789abcdef", "0123456789abcdee"] {
            assert!(!key.is(other), "{other}");
        }
        for wrong in ["", "short", "two lines of text\nthat are no key\n", "0123456789abcdeé"] {
            assert!(read(wrong).err().unwrap().contains("a key is one line"), "{wrong}");
        }
    }
}
