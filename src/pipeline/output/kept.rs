//! The results of an earlier run, for `--resume`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::Path;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::super::lines::next_line;

/// A result line may be this long; a longer one is not taken for a result.
const LONGEST_LINE: u64 = 64 << 20;

/// The first 16 bytes of the SHA-256 of an id, kept in memory instead of the id.
pub(super) type IdHash = [u8; 16];

pub(super) fn hash_of(id: &str) -> IdHash {
    let mut hash = IdHash::default();
    hash.copy_from_slice(&Sha256::digest(id)[..16]);
    hash
}

/// A kept line; 32 bytes.
struct Line {
    id: IdHash,
    /// `made_from`, as a number; `None` of a line without it, which an older version of the program wrote.
    made_from: Option<std::num::NonZeroU64>,
    /// Its place among the lines of the file.
    number: u32,
    /// Which of the settings made it.
    settings: u16,
    /// It holds an error, or a newer line replaces it.
    obsolete: bool,
    /// Whether a record with its id has come in this run.
    seen: bool,
}

/// What is read back of a result line.
#[derive(Deserialize)]
struct Parsed {
    id: String,
    made_with: Option<String>,
    made_from: Option<String>,
    error: Option<serde::de::IgnoredAny>,
    /// The results of the steps, and whatever else there is.
    #[serde(flatten)]
    others: BTreeMap<String, Held>,
}

/// Whatever a key of a line holds: a step's result is a mapping with `error` if the step failed.
#[derive(Deserialize)]
#[serde(untagged)]
enum Held {
    Mapping { error: Option<serde::de::IgnoredAny> },
    Other(serde::de::IgnoredAny),
}

impl Parsed {
    fn failed(&self) -> bool {
        self.error.is_some() || self.others.values().any(|held| matches!(held, Held::Mapping { error: Some(_) }))
    }
}

/// The good lines of an earlier run, without their text.
#[derive(Default)]
pub(super) struct Kept {
    /// By id.
    lines: Vec<Line>,
    /// What made them: `made_with` of the lines, which mostly is the same of all.
    settings: Vec<String>,
    superseded: usize,
}

/// What an earlier run knows of a record.
pub(super) enum Found<'k> {
    /// Nothing.
    Nothing,
    /// A record with this id has come before, in this run.
    Twice,
    /// Its result, made from the same input with the same settings.
    Current,
    /// A result without a word of what it was made from.
    Unmarked,
    /// A result of another input, or of these other settings.
    Outdated { settings: Option<&'k str> },
}

impl Kept {
    /// Reads `path`. Lines that hold an error or are not whole are not kept; of several with one id, the last counts.
    pub fn read(path: &Path) -> io::Result<Self> {
        let mut kept = Kept::default();
        let mut known = BTreeMap::new();
        let mut reader = BufReader::new(File::open(path)?);
        let (mut line, mut number) = (Vec::new(), 0u32);
        while next_line(&mut reader, LONGEST_LINE, &mut line)? {
            if let Ok(parsed) = serde_json::from_slice::<Parsed>(&line) {
                let failed = parsed.failed();
                let made_with = parsed.made_with.unwrap_or_default();
                let next = u16::try_from(known.len()).unwrap_or(u16::MAX);
                let settings = *known.entry(made_with.clone()).or_insert(next);
                if usize::from(settings) == kept.settings.len() {
                    kept.settings.push(made_with);
                }
                let made_from = parsed.made_from.and_then(|text| u64::from_str_radix(&text, 16).ok());
                let made_from = made_from.and_then(std::num::NonZeroU64::new);
                kept.lines.push(Line {
                    id: hash_of(&parsed.id),
                    made_from,
                    number,
                    settings,
                    obsolete: failed,
                    seen: false,
                });
            }
            number = number.checked_add(1).ok_or_else(|| io::Error::other("more than 4 billion lines"))?;
        }
        kept.lines.sort_unstable_by_key(|line| (line.id, std::cmp::Reverse(line.number)));
        kept.lines.dedup_by_key(|line| line.id);
        kept.lines.retain(|line| !line.obsolete);
        kept.lines.shrink_to_fit();
        Ok(kept)
    }

    /// Copies the kept lines of `from`, in their order, to `to`, and gives them their new numbers.
    pub fn copy(&mut self, from: &Path, to: &mut BufWriter<File>) -> io::Result<()> {
        let mut next = 0;
        let mut reader = BufReader::new(File::open(from)?);
        let (mut line, mut number) = (Vec::new(), 0u32);
        while next_line(&mut reader, LONGEST_LINE, &mut line)? {
            let parsed = serde_json::from_slice::<Parsed>(&line).ok();
            let place = parsed.and_then(|parsed| self.place(&hash_of(&parsed.id)));
            if let Some(kept) = place.map(|place| &mut self.lines[place]).filter(|kept| kept.number == number) {
                // Not mistaken for a later line: numbers only shrink.
                kept.number = next;
                next += 1;
                to.write_all(&line)?;
                to.write_all(b"\n")?;
            }
            number += 1;
        }
        Ok(())
    }

    /// Copies all lines of `from` to `to` but the kept ones that newer results replace.
    pub fn copy_without_superseded(&self, from: &Path, to: &mut BufWriter<File>) -> io::Result<()> {
        let mut reader = BufReader::new(File::open(from)?);
        let (mut line, mut number) = (Vec::new(), 0usize);
        while next_line(&mut reader, u64::MAX, &mut line)? {
            let old = number < self.lines.len()
                && serde_json::from_slice::<Parsed>(&line)
                    .is_ok_and(|parsed| self.place(&hash_of(&parsed.id)).is_some_and(|at| self.lines[at].obsolete));
            number += 1;
            if !old {
                to.write_all(&line)?;
                to.write_all(b"\n")?;
            }
        }
        Ok(())
    }

    /// Looks a record up, once.
    pub fn find(&mut self, id: &IdHash, made_from: &str, made_with: &str) -> Found<'_> {
        let Some(place) = self.place(id) else { return Found::Nothing };
        let line = &mut self.lines[place];
        if std::mem::replace(&mut line.seen, true) {
            return Found::Twice;
        }
        let Some(from) = line.made_from else { return Found::Unmarked };
        let settings = &self.settings[usize::from(line.settings)];
        let same_input = u64::from_str_radix(made_from, 16).is_ok_and(|now| now == from.get());
        if same_input && settings == made_with {
            return Found::Current;
        }
        line.obsolete = true;
        self.superseded += 1;
        Found::Outdated { settings: Some(settings.as_str()).filter(|settings| *settings != made_with) }
    }

    /// How many results of the earlier run still hold.
    pub fn len(&self) -> usize {
        self.lines.len() - self.superseded
    }

    /// How many are replaced by newer ones.
    pub fn superseded(&self) -> usize {
        self.superseded
    }

    fn place(&self, id: &IdHash) -> Option<usize> {
        self.lines.binary_search_by_key(&id, |line| &line.id).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_takes_32_bytes() {
        assert_eq!(size_of::<Line>(), 32);
    }
}
