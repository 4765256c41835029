//! Files that contain one vector: another model's embedding, or a list of numbers.

mod error;
mod npy;

use std::io::Read;
use std::path::Path;

use super::file;

pub use error::VectorError;

/// Maximum length of a vector.
pub const MAX_NUMBERS: usize = 65_536;

/// Maximum size of a file in bytes: as many numbers as text, with room for their digits.
const MAX_BYTES: u64 = 32 * MAX_NUMBERS as u64;

/// Reads a vector from a `.npy` file of one row of 32- or 64-bit floats, or from a JSON list of numbers, depending on
/// the content. Numbers are not checked to be finite.
///
/// # Errors
/// [`VectorError`] for a file that cannot be read, is neither, or is too long.
pub fn load(path: &Path) -> Result<Vec<f32>, VectorError> {
    let (file, length) = file::open(path)?;
    if length > MAX_BYTES {
        return Err(VectorError::TooLong);
    }
    let mut bytes = Vec::new();
    // The file may grow after its length was read.
    file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(super::FileError::Io)?;
    let numbers = match npy::after_magic(&bytes) {
        Some(content) => npy::parse(content)?,
        None => {
            let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
            // By way of `f64`: a number beyond `f32` is infinite, as in a .npy file, rather than a text that is no JSON.
            let numbers: Vec<f64> = serde_json::from_slice(text).map_err(|_| VectorError::Unknown)?;
            numbers.into_iter().map(|number| number as f32).collect()
        }
    };
    match numbers.len() {
        0 => Err(VectorError::NoNumbers),
        1..=MAX_NUMBERS => Ok(numbers),
        _ => Err(VectorError::TooLong),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &[u8]) -> Result<Vec<f32>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vector");
        std::fs::write(&path, content).unwrap();
        load(&path).map_err(|error| error.to_string())
    }

    fn npy(header: &str, values: &[u8]) -> Vec<u8> {
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(values);
        bytes
    }

    #[test]
    fn reads_numpy_files_and_lists() {
        let single: Vec<u8> = [1.5f32, -2.0].iter().flat_map(|value| value.to_le_bytes()).collect();
        let double: Vec<u8> = [1.5f64, -2.0].iter().flat_map(|value| value.to_le_bytes()).collect();
        let expected = Ok(vec![1.5, -2.0]);
        assert_eq!(read(&npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }  \n", &single)), expected);
        assert_eq!(read(&npy("{'descr': '<f8', 'fortran_order': True, 'shape': (1, 2), }\n", &double)), expected);
        assert_eq!(read(b"[1.5, -2]\n"), expected);
        assert_eq!(read(b"\xef\xbb\xbf[1.5, -2]\r\n"), expected);
    }

    #[test]
    fn reports_what_is_wrong() {
        let header =
            |descr: &str, shape: &str| format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
        for (content, expected) in [
            (npy(&header("<f4", "(2,)"), &[0; 7]), "is cut off: it has 7 of 8 bytes of numbers"),
            (npy(&header("<f4", "(3, 768)"), &[0; 8]), "(3, 768), but must be a single vector"),
            (npy(&header("<i8", "(2,)"), &[0; 16]), "`<i8`: save it as float32"),
            (npy(&header("<f4", "(99999999999999999999,)"), &[]), "cannot be read"),
            (npy(&header("<f4", "(4611686018427387905,)"), &[]), "more than 65536 numbers"),
            (npy("{'descr': '<f4'", &[]), "header of the .npy file cannot be read"),
            (b"\x93NUMPY\x01\x00\xff\xff".to_vec(), "header of the .npy file cannot be read"),
            (npy(&header("<f4", "(0,)"), &[]), "no numbers"),
            (b"[]".to_vec(), "no numbers"),
            (b"[1, null]".to_vec(), "neither a .npy file nor a JSON list of numbers"),
            (b"\xff\xfe\x00".to_vec(), "neither a .npy file nor a JSON list of numbers"),
            (vec![], "is an empty file"),
            (vec![b' '; MAX_BYTES as usize + 1], "more than 65536 numbers"),
        ] {
            let problem = read(&content).unwrap_err();
            assert!(problem.contains(expected), "{expected}: {problem}");
        }
    }
}
