//! What differs between two bundles, by the hashes that each lists in `SHA256SUMS`.
//!
//! A bundle's digest is the SHA-256 of that list, so it identifies the files, however they were packed. It is the same
//! for the archive and for the folder that it was unpacked to.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use edgefuse::config::ByteSize;
use edgefuse::error::Error;
use edgefuse::hex::hex;
use edgefuse::small_file;
use ruzstd::decoding::StreamingDecoder;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::archive::{FOLDER, SUMS};

/// Maximum size of the list of hashes: some 10,000 files.
const LONGEST_LIST: u64 = 1 << 20;

/// The files of a bundle.
#[derive(Debug)]
struct Listing {
    path: PathBuf,
    digest: String,
    files: BTreeMap<String, FileHash>,
}

/// One file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct FileHash {
    name: String,
    sha256: String,
    bytes: u64,
}

/// A bundle, identified by its files.
#[derive(Debug, Serialize)]
struct Side {
    /// The archive, or the folder.
    path: PathBuf,
    /// SHA-256 of its list of hashes.
    digest: String,
}

/// Differences between two bundles.
#[derive(Debug, Serialize)]
pub struct Difference {
    from: Side,
    to: Side,
    added: Vec<FileHash>,
    removed: Vec<FileHash>,
    changed: Vec<FileHash>,
    /// Total size of the files that only the second one has.
    new_bytes: u64,
}

/// Compares two bundles: archives, or folders that one was unpacked to.
///
/// # Errors
/// [`Error::Read`] for a file that cannot be read; [`Error::Bundle`] for one that is not a bundle, or is damaged.
pub fn difference(from: &Path, to: &Path) -> Result<Difference, Error> {
    let (from, to) = (Listing::read(from)?, Listing::read(to)?);
    let missing = |one: &Listing, other: &Listing| {
        one.files.values().filter(|file| !other.files.contains_key(&file.name)).cloned().collect::<Vec<_>>()
    };
    let added = missing(&to, &from);
    let removed = missing(&from, &to);
    let differs = |file: &&FileHash| from.files.get(&file.name).is_some_and(|old| old.sha256 != file.sha256);
    let changed: Vec<FileHash> = to.files.values().filter(differs).cloned().collect();
    let new_bytes = added.iter().chain(&changed).map(|file| file.bytes).sum();
    let side = |listing: Listing| Side { path: listing.path, digest: listing.digest };
    Ok(Difference { from: side(from), to: side(to), added, removed, changed, new_bytes })
}

impl Difference {
    /// The digests, one line for each file that differs (`+` new, `-` gone, `~` changed), and how much is new.
    pub fn text(&self) -> String {
        let new = ByteSize::from(self.new_bytes);
        let heads = [("from", &self.from), ("to  ", &self.to)];
        let heads = heads.map(|(name, side)| format!("{name} {}  {}", side.digest, side.path.display()));
        let end = format!("{new} of new or changed files\n");
        heads.into_iter().chain(self.lines()).chain([end]).collect::<Vec<_>>().join("\n")
    }

    fn lines(&self) -> Vec<String> {
        let marked = [('-', &self.removed), ('+', &self.added), ('~', &self.changed)];
        let lines = marked.into_iter().flat_map(|(mark, files)| {
            files.iter().map(move |file| format!("{mark} {}  {} bytes", file.name.escape_debug(), file.bytes))
        });
        lines.collect()
    }
}

impl Listing {
    fn read(path: &Path) -> Result<Self, Error> {
        if path.is_dir() { Self::of_folder(path) } else { Self::of_archive(path) }
    }

    fn of_folder(folder: &Path) -> Result<Self, Error> {
        let list = small_file::read_text(&folder.join(SUMS), LONGEST_LIST)
            .map_err(|error| not_a_bundle(folder, &format!("{SUMS}: {error}")))?;
        let size = |name: &str| fs::metadata(folder.join(name)).map(|file| file.len());
        Self::of(folder, &list, |name, _| {
            size(name).map_err(|error| not_a_bundle(folder, &format!("{name}: cannot be read: {error}")))
        })
    }

    fn of_archive(path: &Path) -> Result<Self, Error> {
        let read = |source| Error::Read { path: path.to_path_buf(), source };
        let damaged = |error: io::Error| {
            log::debug!("{}: {error}", path.display());
            not_a_bundle(path, "is cut off or damaged")
        };
        let file = BufReader::new(File::open(path).map_err(read)?);
        let decoder = StreamingDecoder::new(file).map_err(|_| not_a_bundle(path, "is not a Zstandard archive"))?;
        let mut archive = tar::Archive::new(decoder);
        let mut found = BTreeMap::new();
        let mut list = None;
        for entry in archive.entries().map_err(damaged)? {
            let mut entry = entry.map_err(damaged)?;
            if !entry.header().entry_type().is_file() {
                continue;
            }
            let name = entry.path().map_err(damaged)?.display().to_string();
            let name = name.strip_prefix(&format!("{FOLDER}/")).unwrap_or(&name).to_string();
            if name == SUMS {
                let mut text = String::new();
                entry.take(LONGEST_LIST).read_to_string(&mut text).map_err(damaged)?;
                list = Some(text);
                continue;
            }
            let mut hash = Sha256::new();
            let bytes = io::copy(&mut entry, &mut hash).map_err(damaged)?;
            found.insert(name, (hex(&hash.finalize()), bytes));
        }
        let list = list.ok_or_else(|| not_a_bundle(path, &format!("has no {SUMS}")))?;
        Self::of(path, &list, |name, sha256| match found.get(name) {
            Some((hash, bytes)) if hash == sha256 => Ok(*bytes),
            Some(_) => Err(not_a_bundle(path, &format!("{name} is damaged: its hash differs from {SUMS}"))),
            None => Err(not_a_bundle(path, &format!("{name} is missing, which {SUMS} lists"))),
        })
    }

    /// Reads a list of hashes; `size` is called with each file's name and hash.
    fn of(path: &Path, list: &str, size: impl Fn(&str, &str) -> Result<u64, Error>) -> Result<Self, Error> {
        let mut files = BTreeMap::new();
        for line in list.lines() {
            let Some((sha256, name)) = line.split_once("  ").filter(|(sha256, _)| sha256.len() == 64) else {
                return Err(not_a_bundle(path, &format!("{SUMS}: not a hash and a name: {}", line.escape_debug())));
            };
            let bytes = size(name, sha256)?;
            files.insert(name.to_string(), FileHash { name: name.to_string(), sha256: sha256.to_string(), bytes });
        }
        Ok(Listing { path: path.to_path_buf(), digest: hex(&Sha256::digest(list)), files })
    }
}

fn not_a_bundle(path: &Path, problem: &str) -> Error {
    Error::Bundle { problem: format!("{}: {problem}; compare archives that `edgefuse bundle` wrote", path.display()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An unpacked bundle with these files.
    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let mut list = String::new();
        for (name, content) in files {
            fs::write(folder.path().join(name), content).unwrap();
            list += &format!("{}  {name}\n", hex(&Sha256::digest(content)));
        }
        fs::write(folder.path().join(SUMS), list).unwrap();
        folder
    }

    #[test]
    fn lists_what_is_new_gone_and_changed() {
        let old = folder(&[("edgefuse", "one"), ("gone.txt", "x"), ("model", "same")]);
        let new = folder(&[("edgefuse", "four"), ("model", "same"), ("new.txt", "yy")]);
        let found = difference(old.path(), new.path()).unwrap();
        assert_eq!(found.lines(), ["- gone.txt  1 bytes", "+ new.txt  2 bytes", "~ edgefuse  4 bytes"]);
        assert_eq!(found.new_bytes, 6);
        assert_ne!(found.from.digest, found.to.digest);
        let same = difference(new.path(), new.path()).unwrap();
        assert!(same.lines().is_empty() && same.from.digest == same.to.digest);
    }

    #[test]
    fn names_what_is_no_bundle() {
        let folder = folder(&[("a", "a")]);
        fs::remove_file(folder.path().join("a")).unwrap();
        let problem = |path: &Path| difference(path, path).unwrap_err().to_string();
        assert!(problem(folder.path()).contains("a: cannot be read"));
        fs::write(folder.path().join(SUMS), "x\n").unwrap();
        assert!(problem(folder.path()).contains("not a hash and a name"));
        let file = folder.path().join("archive");
        for content in [&b"text"[..], b"", &[0x28, 0xb5, 0x2f, 0xfd, 1, 2]] {
            fs::write(&file, content).unwrap();
            assert!(problem(&file).contains("compare archives"), "{}", problem(&file));
        }
        assert!(problem(&folder.path().join("missing")).contains("cannot read"));
    }
}
