//! The archive: a tar stream, compressed with Zstandard while it is read, byte-identical for identical files.
//!
//! Names are sorted; times, owners and groups are 0; modes are 644 and 755. `SHA256SUMS` is last, because the hashes
//! are of the bytes that went into the archive.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::{mem, vec};

use ruzstd::encoding::{CompressionLevel, compress};
use sha2::{Digest, Sha256};

use super::Packed;
use edgefuse::config::model_folder::FileSpec;
use edgefuse::engine::EngineError;
use edgefuse::error::Error;
use edgefuse::hex::hex;
use edgefuse::whole_file::WholeFile;

/// The top-level folder of the archive.
pub(super) const FOLDER: &str = "edgefuse";

/// List of all other files' hashes, in the format of `sha256sum -c`.
pub(super) const SUMS: &str = "SHA256SUMS";

/// Block size of tar.
const BLOCK: usize = 512;

/// A file of the archive.
pub(super) struct Entry {
    /// Its path inside the folder.
    pub name: String,
    pub content: Content,
    pub executable: bool,
}

pub(super) enum Content {
    Bytes(Vec<u8>),
    /// A file, and its expected size and hash, if known.
    File(PathBuf, Option<FileSpec>),
}

/// Writes the archive; `entries` are sorted by name.
pub(super) fn write(entries: Vec<Entry>, path: &Path) -> Result<Packed, Error> {
    let mut out = Drain { file: WholeFile::create(path)?, failed: None, bytes: 0, hash: Sha256::new() };
    let mut stream = Stream::new(entries);
    // The encoder panics if a reader or a writer fails, so ours never do: they keep the error.
    compress(&mut stream, &mut out, CompressionLevel::Fastest);
    if let Some(error) = stream.failed {
        return Err(error);
    }
    if let Some(error) = out.failed {
        return Err(out.file.failed(error).into());
    }
    out.file.finish()?;
    Ok(Packed {
        path: path.to_path_buf(),
        bytes: out.bytes,
        unpacked_bytes: stream.content_bytes,
        sha256: hexadecimal(out.hash),
        files: stream.names,
        no_library: None,
        glibc: None,
        notes: Vec::new(),
    })
}

/// Writes until the first error.
struct Drain {
    file: WholeFile,
    failed: Option<io::Error>,
    bytes: u64,
    hash: Sha256,
}

impl Write for Drain {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failed.is_none() {
            self.hash.update(bytes);
            self.bytes += bytes.len() as u64;
            self.failed = self.file.write_all(bytes).err();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The tar stream. It ends early at the first error.
struct Stream {
    entries: vec::IntoIter<Entry>,
    part: Part,
    sums: String,
    folders: BTreeSet<String>,
    names: Vec<String>,
    content_bytes: u64,
    failed: Option<Error>,
}

/// Next part of the stream.
enum Part {
    /// A header or padding.
    Bytes(Cursor<Vec<u8>>, Next),
    /// The content of a file.
    Content(Box<Reader>),
    End,
}

/// State after the bytes.
enum Next {
    Content(Box<Reader>),
    Entry,
    End,
}

/// A file that is being written into the archive.
struct Reader {
    name: String,
    source: Box<dyn Read>,
    left: u64,
    length: u64,
    hash: Sha256,
    expected: Option<(PathBuf, FileSpec)>,
}

impl Stream {
    fn new(entries: Vec<Entry>) -> Self {
        Stream {
            entries: entries.into_iter(),
            part: Part::Bytes(Cursor::new(Vec::new()), Next::Entry),
            sums: String::new(),
            folders: BTreeSet::new(),
            names: Vec::new(),
            content_bytes: 0,
            failed: None,
        }
    }

    /// The headers of the next entry, and of its folders that have no header yet.
    fn next_entry(&mut self) -> Result<Part, Error> {
        let entry = match self.entries.next() {
            Some(entry) => entry,
            // All files are written; the list of their hashes is the last one.
            None if !self.sums.is_empty() => {
                let content = Content::Bytes(mem::take(&mut self.sums).into_bytes());
                Entry { name: SUMS.to_string(), content, executable: false }
            }
            None => return Ok(Part::Bytes(Cursor::new(vec![0; 2 * BLOCK]), Next::End)),
        };
        let (source, length, expected): (Box<dyn Read>, u64, _) = match entry.content {
            Content::Bytes(bytes) => {
                let length = bytes.len() as u64;
                (Box::new(Cursor::new(bytes)), length, None)
            }
            Content::File(path, expected) => {
                let read = |source| Error::Read { path: path.clone(), source };
                let length = fs::metadata(&path).map_err(read)?.len();
                let source = File::open(&path).map_err(read)?;
                (Box::new(source), length, expected.map(|expected| (path, expected)))
            }
        };
        let mut headers = Vec::new();
        let name = format!("{FOLDER}/{}", entry.name);
        for (end, _) in name.match_indices('/') {
            let folder = &name[..=end];
            if self.folders.insert(folder.to_string()) {
                headers.extend(header(folder, 0, 0o755, tar::EntryType::Directory)?);
            }
        }
        let mode = if entry.executable { 0o755 } else { 0o644 };
        headers.extend(header(&name, length, mode, tar::EntryType::Regular)?);
        let reader = Reader { name: entry.name, source, left: length, length, hash: Sha256::new(), expected };
        Ok(Part::Bytes(Cursor::new(headers), Next::Content(Box::new(reader))))
    }

    /// Records the hash of a finished file, and pads its last block.
    fn finished(&mut self, reader: Reader) -> Result<Part, Error> {
        let hash = hexadecimal(reader.hash);
        if let Some((path, expected)) = reader.expected
            && (expected.bytes != reader.length || !expected.sha256.eq_ignore_ascii_case(&hash))
        {
            let problem = format!("SHA-256 is {hash:.12}..., but model.yaml says {:.12}...", expected.sha256);
            return Err(EngineError::Checksum { path, problem }.into());
        }
        if reader.name != SUMS {
            self.sums.push_str(&format!("{hash}  {}\n", reader.name));
        }
        self.names.push(reader.name);
        self.content_bytes += reader.length;
        let padding = reader.length.next_multiple_of(BLOCK as u64) - reader.length;
        Ok(Part::Bytes(Cursor::new(vec![0; padding as usize]), Next::Entry))
    }

    fn advance(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        loop {
            match mem::replace(&mut self.part, Part::End) {
                Part::End => return Ok(0),
                Part::Bytes(mut bytes, next) => {
                    // Writing to memory does not fail.
                    let count = bytes.read(buffer).unwrap_or(0);
                    if count > 0 {
                        self.part = Part::Bytes(bytes, next);
                        return Ok(count);
                    }
                    self.part = match next {
                        Next::Content(reader) => Part::Content(reader),
                        Next::Entry => self.next_entry()?,
                        Next::End => Part::End,
                    };
                }
                Part::Content(reader) if reader.left == 0 => self.part = self.finished(*reader)?,
                Part::Content(mut reader) => {
                    let most = buffer.len().min(usize::try_from(reader.left).unwrap_or(usize::MAX));
                    let changed = |source| Error::Read { path: PathBuf::from(&reader.name), source };
                    let count = reader.source.read(&mut buffer[..most]).map_err(changed)?;
                    if count == 0 {
                        return Err(changed(io::Error::other("it was truncated while it was read")));
                    }
                    reader.hash.update(&buffer[..count]);
                    reader.left -= count as u64;
                    self.part = Part::Content(reader);
                    return Ok(count);
                }
            }
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.failed.is_some() || buffer.is_empty() {
            return Ok(0);
        }
        Ok(self.advance(buffer).unwrap_or_else(|error| {
            self.failed = Some(error);
            0
        }))
    }
}

fn header(name: &str, length: u64, mode: u32, kind: tar::EntryType) -> Result<Vec<u8>, Error> {
    let mut header = tar::Header::new_ustar();
    header.set_path(name).map_err(|error| Error::Bundle { problem: format!("{name}: {error}") })?;
    header.set_entry_type(kind);
    header.set_size(length);
    header.set_mode(mode);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_cksum();
    Ok(header.as_bytes().to_vec())
}

fn hexadecimal(hash: Sha256) -> String {
    hex(&hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(folder: &Path) -> Vec<Entry> {
        let large = folder.join("large.bin");
        fs::write(&large, (0..300_000u32).map(|i| (i.wrapping_mul(i) >> 7) as u8).collect::<Vec<_>>()).unwrap();
        let entry = |name: &str, content, executable| Entry { name: name.to_string(), content, executable };
        vec![
            entry("a/b/c.txt", Content::Bytes(b"abc".to_vec()), false),
            entry("a/empty", Content::Bytes(Vec::new()), false),
            entry("program", Content::File(large, None), true),
        ]
    }

    fn unpack(path: &Path) -> Vec<(String, u32, u64, Vec<u8>)> {
        let decoder = ruzstd::decoding::StreamingDecoder::new(File::open(path).unwrap()).unwrap();
        let mut archive = tar::Archive::new(decoder);
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            let name = entry.path().unwrap().display().to_string();
            (name, entry.header().mode().unwrap(), entry.header().mtime().unwrap(), bytes)
        });
        entries.collect()
    }

    #[test]
    fn unpacks_to_what_went_in_and_is_the_same_twice() {
        let folder = tempfile::tempdir().unwrap();
        let (once, twice) = (folder.path().join("1.tar.zst"), folder.path().join("2.tar.zst"));
        let packed = write(entries(folder.path()), &once).unwrap();
        let again = write(entries(folder.path()), &twice).unwrap();
        assert_eq!(fs::read(&once).unwrap(), fs::read(&twice).unwrap());
        assert_eq!((packed.sha256, packed.bytes), (again.sha256, fs::metadata(&once).unwrap().len()));

        let found = unpack(&once);
        let names: Vec<&str> = found.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "edgefuse/",
                "edgefuse/a/",
                "edgefuse/a/b/",
                "edgefuse/a/b/c.txt",
                "edgefuse/a/empty",
                "edgefuse/program",
                "edgefuse/SHA256SUMS"
            ]
        );
        assert!(found.iter().all(|(_, _, time, _)| *time == 0));
        assert_eq!((found[3].1, found[5].1), (0o644, 0o755));
        assert_eq!(found[5].3, fs::read(folder.path().join("large.bin")).unwrap());
        let sums = String::from_utf8(found[6].3.clone()).unwrap();
        // printf abc | sha256sum
        assert!(
            sums.starts_with("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a/b/c.txt\n"),
            "{sums}"
        );
        assert_eq!(sums.lines().count(), 3);
    }

    #[test]
    fn a_file_that_is_not_what_it_should_be_leaves_no_archive() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("graph.onnx");
        fs::write(&path, "abd").unwrap();
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_string();
        let content = Content::File(path, Some(FileSpec { sha256, bytes: 3 }));
        let out = folder.path().join("out.tar.zst");
        let entry = Entry { name: "graph.onnx".to_string(), content, executable: false };
        assert!(matches!(write(vec![entry], &out), Err(Error::Engine(EngineError::Checksum { .. }))));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing half-written is left");
    }
}
