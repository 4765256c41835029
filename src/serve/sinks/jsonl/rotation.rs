//! Rotation: `results.jsonl` becomes `results.000001.jsonl`, and the oldest of these are deleted. Their numbers only grow, so
//! that their order does not depend on the clock.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use edgefuse::config::JsonlOptions;

use super::lines::Lines;

/// When a new file begins, and how many old ones are kept.
pub struct Rotation {
    size: u64,
    age: Duration,
    keep: usize,
}

impl Rotation {
    pub fn of(options: &JsonlOptions) -> Self {
        Rotation { size: options.rotate.bytes(), age: options.max_age, keep: options.keep }
    }

    /// Whether a new file begins before another `bytes`.
    pub fn is_due(&self, lines: &Lines, bytes: u64) -> bool {
        lines.length() > 0 && (lines.length() + bytes > self.size || lines.age() >= self.age)
    }

    /// Renames the file, and deletes the oldest ones.
    pub fn rotate(&self, lines: &mut Lines) -> io::Result<()> {
        let rotated = rotated(lines.path())?;
        let next = rotated.last().map_or(1, |(number, _)| number.saturating_add(1));
        fs::rename(lines.path(), numbered(lines.path(), next))?;
        lines.close();
        let all = rotated.into_iter().map(|(_, path)| path).chain([numbered(lines.path(), next)]);
        let all: Vec<PathBuf> = all.collect();
        for old in &all[..all.len().saturating_sub(self.keep)] {
            fs::remove_file(old)?;
        }
        Ok(())
    }
}

/// The path of a rotated file.
fn numbered(path: &Path, number: u64) -> PathBuf {
    path.with_extension(format!("{number:06}.jsonl"))
}

/// The rotated files with their numbers, oldest first.
pub(super) fn rotated(path: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let stem = path.file_stem().unwrap_or_default();
    let number = |name: &OsStr| {
        let rest = name.as_encoded_bytes().strip_prefix(stem.as_encoded_bytes())?.strip_prefix(b".")?;
        let digits = std::str::from_utf8(rest.strip_suffix(b".jsonl")?).ok()?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u64>().ok())?
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(path.parent().unwrap_or(Path::new(".")))? {
        let entry = entry?;
        files.extend(number(&entry.file_name()).map(|number| (number, entry.path())));
    }
    files.sort_unstable();
    Ok(files)
}
