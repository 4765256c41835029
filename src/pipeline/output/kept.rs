//! The results of an earlier run, for `--resume`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::super::lines::next_line;

/// Maximum length of a result line; a longer line is not considered a result.
const LONGEST_LINE: u64 = 64 << 20;

/// What the line of a result begins with, even if it was cut off.
const BEGINNING: &[u8] = b"{\"id\":";

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
    /// `made_from`, as a number; `None` for a line without it, written by an older version of the program.
    made_from: Option<std::num::NonZeroU64>,
    /// Its line number in the file.
    number: u32,
    /// Index of its settings.
    settings: u16,
    /// Whether it contains an error, or a newer line replaces it.
    obsolete: bool,
    /// Whether this run has already had a record with its id.
    seen: bool,
}

/// The parts of a result line that are read back.
#[derive(Deserialize)]
struct Parsed {
    id: String,
    made_with: Option<String>,
    made_from: Option<String>,
    error: Option<serde::de::IgnoredAny>,
    /// The results of the steps, and all other keys.
    #[serde(flatten)]
    others: BTreeMap<String, Held>,
}

/// Value of any key of a line: a step's result is a mapping, with `error` if the step failed.
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

/// Index of the good lines of an earlier run.
#[derive(Default)]
pub(super) struct Kept {
    /// Lines by id.
    lines: Vec<Line>,
    /// Distinct values of `made_with`; mostly the same for all lines.
    settings: Vec<String>,
    superseded: usize,
    /// Whole lines that are not results.
    pub foreign: u32,
}

/// Whether the last line of a file was written to its end.
fn ends_in_newline(path: &Path) -> io::Result<bool> {
    let (mut file, mut last) = (File::open(path)?, [0]);
    if file.seek(SeekFrom::End(-1)).is_ok() {
        file.read_exact(&mut last)?;
    }
    Ok(last == *b"\n")
}

/// Result of looking up a record in an earlier run.
pub(super) enum Found<'k> {
    /// No result.
    Nothing,
    /// This run has already had a record with this id.
    Twice,
    /// Its result, from the same input and settings.
    Current,
    /// A result that does not say what it was made from.
    Unmarked,
    /// A result of another input, or of these other settings.
    Outdated { settings: Option<&'k str> },
}

impl Kept {
    /// Reads `path`. Incomplete lines and those with an error are dropped; of several with the same id, the last
    /// counts.
    pub fn read(path: &Path) -> io::Result<Self> {
        let mut kept = Kept::default();
        let mut known = BTreeMap::new();
        let mut reader = BufReader::new(File::open(path)?);
        let (mut line, mut number) = (Vec::new(), 0u32);
        // The last line may have been cut off.
        let mut last_is_foreign = false;
        while next_line(&mut reader, LONGEST_LINE, &mut line)? {
            kept.foreign += u32::from(std::mem::take(&mut last_is_foreign));
            let parsed = serde_json::from_slice::<Parsed>(&line);
            // A result that was cut off may also be in the middle, where the files of shards were joined.
            last_is_foreign = parsed.is_err() && !line.trim_ascii().is_empty() && !line.starts_with(BEGINNING);
            if let Ok(parsed) = parsed {
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
        kept.foreign += u32::from(last_is_foreign && ends_in_newline(path)?);
        kept.lines.sort_unstable_by_key(|line| (line.id, std::cmp::Reverse(line.number)));
        kept.lines.dedup_by_key(|line| line.id);
        kept.lines.retain(|line| !line.obsolete);
        kept.lines.shrink_to_fit();
        Ok(kept)
    }

    /// Copies the kept lines of `from`, in order, to `to`, and renumbers them.
    pub fn copy(&mut self, from: &Path, to: &mut BufWriter<File>) -> io::Result<()> {
        let mut next = 0;
        let mut reader = BufReader::new(File::open(from)?);
        let (mut line, mut number) = (Vec::new(), 0u32);
        while next_line(&mut reader, LONGEST_LINE, &mut line)? {
            let parsed = serde_json::from_slice::<Parsed>(&line).ok();
            let place = parsed.and_then(|parsed| self.place(&hash_of(&parsed.id)));
            if let Some(kept) = place.map(|place| &mut self.lines[place]).filter(|kept| kept.number == number) {
                // Cannot be confused with a later line, because numbers only decrease.
                kept.number = next;
                next += 1;
                to.write_all(&line)?;
                to.write_all(b"\n")?;
            }
            number += 1;
        }
        Ok(())
    }

    /// Copies all lines of `from` to `to`, except kept ones that newer results replace.
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

    /// Looks up a record and marks it as seen.
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

    /// Number of results of the earlier run that are still valid.
    pub fn len(&self) -> usize {
        self.lines.len() - self.superseded
    }

    /// Number of results replaced by newer ones.
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
    fn an_indexed_line_has_32_bytes() {
        assert_eq!(size_of::<Line>(), 32);
    }
}
