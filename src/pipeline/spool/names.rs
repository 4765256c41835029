//! Names in the results folder.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use sha2::{Digest, Sha256};

use crate::support::hex::hex;
use crate::support::whole_file::PARTIAL;

/// Maximum length of a file name on Linux file systems, in bytes.
const LONGEST: usize = 255;

const RESULT: &str = ".jsonl";
const ATTEMPTS: &str = ".attempts";

/// `NAME.jsonl`. If that, or a name derived from it, is too long: the beginning of the name, `~`, 16 hexadecimal digits
/// of its SHA-256, and `.jsonl`.
pub(super) fn result(name: &OsStr) -> OsString {
    // The longest derived name is that of a partially written mark.
    let room = LONGEST - RESULT.len() - (1 + ATTEMPTS.len()) - PARTIAL.len();
    let bytes = name.as_encoded_bytes();
    if bytes.len() <= room {
        return joined(&[name, OsStr::new(RESULT)]);
    }
    let hash = hex(&Sha256::digest(bytes)[..8]);
    // The beginning is for readers only, so a truncated or invalid character is dropped.
    let mut text = String::new();
    for character in name.to_string_lossy().chars() {
        if text.len() + character.len_utf8() > room - 1 - hash.len() {
            break;
        }
        text.push(character);
    }
    OsString::from(format!("{text}~{hash}{RESULT}"))
}

/// The file that counts the attempts at a result.
pub(super) fn attempts(result: &OsStr) -> OsString {
    joined(&[OsStr::new("."), result, OsStr::new(ATTEMPTS)])
}

/// Whether the name is that of an incomplete result or mark.
pub(super) fn is_partial(name: &OsStr) -> bool {
    let ours = |name: &[u8]| name.ends_with(RESULT.as_bytes()) || name.ends_with(ATTEMPTS.as_bytes());
    name.as_encoded_bytes().strip_suffix(PARTIAL.as_bytes()).is_some_and(ours)
}

/// The result whose attempts the file of this name counts; `None` if it counts none.
pub(super) fn marked(mark: &OsStr) -> Option<&OsStr> {
    let name = mark.as_bytes().strip_prefix(b".")?.strip_suffix(ATTEMPTS.as_bytes())?;
    Some(OsStr::from_bytes(name))
}

fn joined(parts: &[&OsStr]) -> OsString {
    parts.iter().fold(OsString::new(), |mut name, part| {
        name.push(part);
        name
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn every_name_has_a_result_of_its_own_that_fits() {
        let long = |end: &str| OsString::from(format!("{}{end}.png", "\u{e9}".repeat(120)));
        let names = [
            OsString::from("a b\n.png"),
            OsString::from("-rf.png"),
            OsStr::from_bytes(b"c\xfe.png").to_owned(),
            OsStr::from_bytes(b"c\xff.png").to_owned(),
            long("1"),
            long("2"),
            OsStr::from_bytes(&[0xff; 255]).to_owned(),
        ];
        let results: std::collections::HashSet<_> = names.iter().map(|name| result(name)).collect();
        assert_eq!(results.len(), names.len());
        for result in &results {
            assert!(attempts(result).len() + PARTIAL.len() <= LONGEST, "{result:?}");
            assert!(!is_partial(result));
            assert_eq!(marked(&attempts(result)), Some(OsStr::new(result)));
        }
        assert_eq!(result(OsStr::new("a.png")), "a.png.jsonl");
    }
}
