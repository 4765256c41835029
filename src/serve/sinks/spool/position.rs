//! Up to where a spool was delivered, in a file of its own.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use flate2::Crc;

/// A place between two entries: the number of a segment, and an offset in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub segment: u64,
    pub offset: u64,
}

/// The file that keeps a place.
pub struct Position(File);

impl Position {
    /// Opens or creates the file; with the place in it. A damaged one is the beginning: entries are delivered again rather
    /// than lost.
    pub fn open(path: &Path) -> io::Result<(Self, Place)> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut bytes = [0; 20];
        let place = match file.read_exact_at(&mut bytes, 0) {
            Ok(()) => decode(bytes),
            Err(_) => None,
        };
        Ok((Position(file), place.unwrap_or_default()))
    }

    /// Keeps a place. It survives the end of the process; after a loss of power, an earlier one may be back.
    pub fn set(&self, place: Place) -> io::Result<()> {
        self.0.write_all_at(&encode(place), 0)
    }
}

fn encode(place: Place) -> [u8; 20] {
    let mut bytes = [0; 20];
    bytes[..8].copy_from_slice(&place.segment.to_le_bytes());
    bytes[8..16].copy_from_slice(&place.offset.to_le_bytes());
    let mut crc = Crc::new();
    crc.update(&bytes[..16]);
    bytes[16..].copy_from_slice(&crc.sum().to_le_bytes());
    bytes
}

fn decode(bytes: [u8; 20]) -> Option<Place> {
    let number = |from: usize| Some(u64::from_le_bytes(bytes.get(from..from + 8)?.try_into().ok()?));
    let place = Place { segment: number(0)?, offset: number(8)? };
    (encode(place) == bytes).then_some(place)
}
