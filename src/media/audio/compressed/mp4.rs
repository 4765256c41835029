//! What `symphonia` leaves out of an MP4 file: which tracks are enabled, and whether the file is cut off.

use std::io::{Read, Seek, SeekFrom};

use super::super::AudioError;

/// More boxes than this at one level are not looked at.
const MOST_BOXES: usize = 10_000;

/// The outline of an MP4 file.
#[derive(Debug, Default)]
pub(super) struct Outline {
    /// Ids of the tracks that are enabled, which is how MP4 marks those to be played.
    pub(super) enabled: Vec<u32>,
    /// How long the file would be if it were whole, where it is cut off.
    pub(super) whole_len: Option<u64>,
}

/// Whether a file that begins with `magic` is an MP4 file.
pub(super) fn is_mp4(magic: &[u8]) -> bool {
    magic.get(4..8) == Some(b"ftyp")
}

impl Outline {
    /// Reads the boxes of a file of `len` bytes.
    ///
    /// # Errors
    /// [`AudioError::NoIndex`] for a file that is cut off before its index.
    pub(super) fn read(file: &mut (impl Read + Seek), len: u64) -> Result<Self, AudioError> {
        let mut outline = Outline::default();
        let mut has_index = false;
        for (kind, content, end) in boxes(file, 0, len)? {
            match &kind {
                b"moov" if end <= len => {
                    has_index = true;
                    outline.enabled = enabled_tracks(file, content, end)?;
                }
                _ => {}
            }
            if end > len {
                outline.whole_len = Some(end);
            }
        }
        match outline.whole_len {
            Some(_) if !has_index => Err(AudioError::NoIndex),
            _ => Ok(outline),
        }
    }
}

/// Ids of the enabled tracks among those of the index.
fn enabled_tracks(file: &mut (impl Read + Seek), start: u64, end: u64) -> Result<Vec<u32>, AudioError> {
    let mut enabled = Vec::new();
    for (_, track, track_end) in boxes(file, start, end)?.into_iter().filter(|(kind, ..)| kind == b"trak") {
        let Some((_, header, _)) = boxes(file, track, track_end)?.into_iter().find(|(kind, ..)| kind == b"tkhd") else {
            continue;
        };
        file.seek(SeekFrom::Start(header))?;
        let mut bytes = Vec::new();
        file.take(24).read_to_end(&mut bytes)?;
        // Version 1 has times of 64 bits before the id.
        let id = match bytes.first() {
            Some(0) => 12..16,
            Some(1) => 20..24,
            _ => continue,
        };
        if let (Some(&flags), Some(&[a, b, c, d])) = (bytes.get(3), bytes.get(id))
            && flags & 1 == 1
        {
            enabled.push(u32::from_be_bytes([a, b, c, d]));
        }
    }
    Ok(enabled)
}

/// A box: its type, where its content starts, and where it ends.
type FoundBox = ([u8; 4], u64, u64);

/// The boxes between two positions. The last one may claim to end later.
fn boxes(file: &mut (impl Read + Seek), start: u64, end: u64) -> Result<Vec<FoundBox>, AudioError> {
    let (mut found, mut position) = (Vec::new(), start);
    while position.saturating_add(8) <= end && found.len() < MOST_BOXES {
        file.seek(SeekFrom::Start(position))?;
        let mut bytes = Vec::new();
        file.take(16).read_to_end(&mut bytes)?;
        let Some(&[a, b, c, d, k0, k1, k2, k3]) = bytes.get(..8) else { break };
        let (front, len) = match (u32::from_be_bytes([a, b, c, d]), bytes.get(8..16)) {
            (0, _) => (8, end - position),
            (1, Some(&[e, f, g, h, i, j, k, l])) => (16, u64::from_be_bytes([e, f, g, h, i, j, k, l])),
            (len, _) => (8, u64::from(len)),
        };
        if len < front {
            break;
        }
        let box_end = position.saturating_add(len);
        found.push(([k0, k1, k2, k3], position + front, box_end));
        position = box_end;
    }
    Ok(found)
}
