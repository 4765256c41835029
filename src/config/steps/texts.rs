//! A list of texts: inline, or a file with one per line.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

use crate::config::ConfigError;
use crate::support::small_file::{self, SmallFileError};

/// Maximum size of a file of texts: far more than any list of answers needs.
const LARGEST: u64 = 16 << 20;

/// A list of texts, such as candidate answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Texts {
    /// A file with one text per line, in UTF-8.
    File(PathBuf),
    /// The texts.
    List(Vec<String>),
}

impl Texts {
    /// The distinct texts, without surrounding space. Blank lines and repetitions are left out with a warning.
    ///
    /// # Errors
    /// [`ConfigError`] for a file that cannot be read, is larger than 16 MiB or not UTF-8, and for a list without any
    /// text.
    pub fn load(&self) -> Result<Vec<String>, ConfigError> {
        match self {
            Texts::List(texts) => distinct(texts.iter().map(String::as_str), Path::new("list of texts")),
            Texts::File(path) => distinct(read(path)?.lines(), path),
        }
    }
}

fn read(path: &Path) -> Result<String, ConfigError> {
    small_file::read_text(path, LARGEST).map_err(|error| match error {
        SmallFileError::Io(source) => ConfigError::Read { path: path.to_path_buf(), source },
        error => wrong(path, 0, format!("{error}; a list of texts is a UTF-8 file with one text per line")),
    })
}

fn distinct<'a>(lines: impl Iterator<Item = &'a str>, path: &Path) -> Result<Vec<String>, ConfigError> {
    let mut seen = std::collections::HashSet::new();
    let mut texts = Vec::new();
    let (mut blank, mut again) = (Vec::new(), Vec::new());
    for (index, line) in lines.enumerate() {
        // A byte order mark is not part of the first text.
        let text = line.trim_start_matches('\u{feff}').trim();
        match text {
            "" => blank.push(index + 1),
            text if seen.insert(text) => texts.push(text.to_string()),
            _ => again.push(index + 1),
        }
    }
    for (what, places) in [("blank", blank), ("a repetition", again)] {
        if let Some(first) = places.first() {
            let more = if places.len() > 1 { format!(" and {} more", places.len() - 1) } else { String::new() };
            log::warn!("{}: line {first}{more} left out: {what}", path.display());
        }
    }
    match texts.is_empty() {
        false => Ok(texts),
        true => Err(wrong(path, 0, "contains no text; write one per line".to_string())),
    }
}

fn wrong(path: &Path, line: usize, problem: String) -> ConfigError {
    ConfigError::Texts { path: path.to_path_buf(), line, problem }
}

/// A string names a file, a list contains the texts.
impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FileOrList;

        impl<'de> Visitor<'de> for FileOrList {
            type Value = Texts;

            fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                formatter.write_str("the name of a file with one text per line, or a list of texts")
            }

            fn visit_str<E: Error>(self, path: &str) -> Result<Texts, E> {
                match path.trim() {
                    "" => Err(E::custom("empty file name; name a file with one text per line, or list the texts")),
                    path => Ok(Texts::File(path.into())),
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Texts, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = sequence.next_element()? {
                    texts.push(text);
                }
                Ok(Texts::List(texts))
            }
        }

        deserializer.deserialize_any(FileOrList)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn load(bytes: &[u8]) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers.txt");
        fs::write(&path, bytes).unwrap();
        Texts::File(path).load().map_err(|error| error.to_string())
    }

    #[test]
    fn blank_lines_and_repetitions_are_left_out() {
        assert_eq!(load(b"\xef\xbb\xbfyes\r\n\r\n  no \n\t\nyes\nno one\nno").unwrap(), ["yes", "no", "no one"]);
    }

    #[test]
    fn reports_what_is_wrong_with_a_file() {
        assert!(load(b"").unwrap_err().contains("contains no text"));
        assert!(load(b" \n\n").unwrap_err().contains("contains no text"));
        let error = load(b"yes\nno\n\xff\n").unwrap_err();
        assert!(error.contains("answers.txt: not UTF-8 text (line 3, byte 1"), "{error}");
        assert!(load(&vec![b'a'; LARGEST as usize + 1]).unwrap_err().contains("larger than 16 MiB"));
        let missing = Texts::File("nowhere/answers.txt".into()).load().unwrap_err().to_string();
        assert!(missing.contains("nowhere/answers.txt: cannot read"), "{missing}");
        let folder = tempfile::tempdir().unwrap();
        assert!(Texts::File(folder.path().into()).load().is_err());
    }

    #[test]
    fn a_list_with_another_thing_in_it_is_refused() {
        for text in ["[yes, {no: 1}]", "3", "''"] {
            assert!(serde_yaml::from_str::<Texts>(text).is_err(), "{text}");
        }
        assert!(Texts::List(Vec::new()).load().is_err());
    }
}
