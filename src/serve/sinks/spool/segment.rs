//! A file of a spool: entries one after another, each with its length and checksum.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use flate2::Crc;

/// The longest entry. A longer length is damage.
pub const LONGEST: usize = 16 << 20;

/// Length and checksum before each entry.
const HEAD: usize = 8;

/// The extension of the files.
const EXTENSION: &str = "spool";

pub struct Segment {
    pub number: u64,
    path: PathBuf,
    file: File,
    /// Bytes of whole entries.
    pub length: u64,
    /// Number of whole entries.
    pub entries: u64,
}

/// The bytes that an entry takes.
pub fn size(payload: &[u8]) -> u64 {
    (HEAD + payload.len()) as u64
}

impl Segment {
    pub fn create(folder: &Path, number: u64) -> io::Result<Self> {
        let path = folder.join(format!("{number:016}.{EXTENSION}"));
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(&path)?;
        // The name has to survive a loss of power, too. Not every file system can do that.
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
        Ok(Segment { number, path, file, length: 0, entries: 0 })
    }

    /// Opens the file of an earlier run and removes what follows its whole entries; with the number of bytes removed.
    /// `each` gets the end of each entry.
    pub fn open(path: &Path, number: u64, each: &mut dyn FnMut(u64)) -> io::Result<(Self, u64)> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let mut segment = Segment { number, path: path.to_path_buf(), file, length: 0, entries: 0 };
        let all = segment.file.metadata()?.len();
        while let Some((_, end)) = segment.read(segment.length, all)? {
            (segment.length, segment.entries) = (end, segment.entries + 1);
            each(end);
        }
        if segment.length < all {
            segment.file.set_len(segment.length)?;
        }
        let removed = all - segment.length;
        Ok((segment, removed))
    }

    /// The number in a file's name.
    pub fn number(path: &Path) -> Option<u64> {
        if path.extension()? != EXTENSION {
            return None;
        }
        path.file_stem()?.to_str()?.parse().ok()
    }

    /// Adds an entry: all of it, or nothing.
    pub fn append(&mut self, payload: &[u8]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(HEAD + payload.len());
        bytes.extend((payload.len() as u32).to_le_bytes());
        bytes.extend(checksum(payload).to_le_bytes());
        bytes.extend(payload);
        if let Err(error) = self.file.write_all_at(&bytes, self.length) {
            // If this fails too, the next entry or the next start overwrites or removes it.
            let _ = self.file.set_len(self.length);
            return Err(error);
        }
        self.length += bytes.len() as u64;
        self.entries += 1;
        Ok(())
    }

    /// The entry at `offset`, and its end; `None` if there is no whole one.
    pub fn entry(&self, offset: u64) -> io::Result<Option<(Vec<u8>, u64)>> {
        self.read(offset, self.length)
    }

    fn read(&self, offset: u64, within: u64) -> io::Result<Option<(Vec<u8>, u64)>> {
        if offset + HEAD as u64 > within {
            return Ok(None);
        }
        let mut head = [0; HEAD];
        self.file.read_exact_at(&mut head, offset)?;
        let [a, b, c, d, e, f, g, h] = head;
        let (length, sum) = (u32::from_le_bytes([a, b, c, d]) as usize, u32::from_le_bytes([e, f, g, h]));
        let end = offset + (HEAD + length) as u64;
        // A tail of zeros, which some file systems leave, is no row of empty entries.
        if length == 0 || length > LONGEST || end > within {
            return Ok(None);
        }
        let mut payload = vec![0; length];
        self.file.read_exact_at(&mut payload, offset + HEAD as u64)?;
        Ok((checksum(&payload) == sum).then_some((payload, end)))
    }

    /// Forces the entries onto the disk.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    pub fn delete(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }
}

fn checksum(payload: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(payload);
    crc.sum()
}
