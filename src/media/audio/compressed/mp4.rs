//! What `symphonia` ignores in an MP4 file: which tracks are enabled, where their edit lists start, and whether the
//! file is truncated.

use std::io::{Read, Seek, SeekFrom};

use super::super::AudioError;

/// Maximum number of boxes read at one level.
const MOST_BOXES: usize = 10_000;

/// Maximum number of edits read: a longer list does not have the common form.
const MOST_EDITS: u64 = 16;

/// Summary of an MP4 file.
#[derive(Debug, Default)]
pub(super) struct Outline {
    /// Ids of the enabled tracks; MP4 marks the tracks to be played in this way.
    pub(super) enabled: Vec<u32>,
    /// Seconds before the start of a track, by its id: the encoder's priming (AAC), or a part that was trimmed without
    /// re-encoding.
    pub(super) skipped: Vec<(u32, f64)>,
    /// Complete length of the file, if it is truncated.
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
    /// [`AudioError::NoIndex`] for a file that is truncated before its index.
    pub(super) fn read(file: &mut (impl Read + Seek), len: u64) -> Result<Self, AudioError> {
        let mut outline = Outline::default();
        let mut has_index = false;
        for (kind, content, end) in boxes(file, 0, len)? {
            match &kind {
                b"moov" if end <= len => {
                    has_index = true;
                    outline.read_tracks(file, content, end)?;
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

    /// Reads the tracks from the index, which lies between two positions.
    fn read_tracks(&mut self, file: &mut (impl Read + Seek), start: u64, end: u64) -> Result<(), AudioError> {
        for (_, track, track_end) in boxes(file, start, end)?.into_iter().filter(|(kind, ..)| kind == b"trak") {
            let parts = boxes(file, track, track_end)?;
            let Some(&(_, header, _)) = parts.iter().find(|(kind, ..)| kind == b"tkhd") else { continue };
            let header = bytes_at(file, header, 24)?;
            // Version 1 has times of 64 bits before the id.
            let id = match header.first() {
                Some(0) => be_u32(&header, 12),
                Some(1) => be_u32(&header, 20),
                _ => None,
            };
            let Some(id) = id else { continue };
            if header.get(3).is_some_and(|flags| flags & 1 == 1) {
                self.enabled.push(id);
            }
            if let Some(seconds) = skipped_seconds(file, &parts)?.filter(|seconds| *seconds > 0.0) {
                self.skipped.push((id, seconds));
            }
        }
        Ok(())
    }
}

/// Seconds before the start that a track's edit list declares, if the list has the common form: one edit, possibly
/// after empty ones, which delay the track. A list that reorders pieces is ignored: packets count, and no sound is
/// lost.
fn skipped_seconds(file: &mut (impl Read + Seek), parts: &[FoundBox]) -> Result<Option<f64>, AudioError> {
    let inside = |file: &mut _, kind: &[u8; 4], inner: &[u8; 4]| match parts.iter().find(|part| part.0 == *kind) {
        Some(&(_, start, end)) => Ok(boxes(file, start, end)?.into_iter().find(|part| part.0 == *inner)),
        None => Ok::<_, AudioError>(None),
    };
    let (Some((_, list, list_end)), Some((_, header, _))) =
        (inside(file, b"edts", b"elst")?, inside(file, b"mdia", b"mdhd")?)
    else {
        return Ok(None);
    };
    let header = bytes_at(file, header, 24)?;
    // Version 1 has times of 64 bits.
    let scale = match header.first() {
        Some(0) => be_u32(&header, 12),
        Some(1) => be_u32(&header, 20),
        _ => None,
    };
    let list = bytes_at(file, list, list_end.saturating_sub(list).min(8 + 20 * MOST_EDITS))?;
    let (Some(scale @ 1..), Some(count)) = (scale, be_u32(&list, 4)) else { return Ok(None) };
    let long = list.first() == Some(&1);
    let edits: Vec<&[u8]> = list.get(8..).unwrap_or_default().chunks_exact(if long { 20 } else { 12 }).collect();
    if edits.len() < count as usize {
        return Ok(None);
    }
    let start = |edit: &&[u8]| match (be_u32(edit, 8), be_u32(edit, 12)) {
        (Some(high), Some(low)) if long => (u64::from(high) << 32 | u64::from(low)).cast_signed(),
        _ => i64::from(be_u32(edit, 4).unwrap_or(0).cast_signed()),
    };
    let starts: Vec<i64> = edits.iter().take(count as usize).map(start).filter(|start| *start >= 0).collect();
    Ok(match starts[..] {
        [start] => Some(start as f64 / f64::from(scale)),
        _ => None,
    })
}

/// Up to `len` bytes from a position on.
fn bytes_at(file: &mut (impl Read + Seek), at: u64, len: u64) -> Result<Vec<u8>, AudioError> {
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    file.take(len).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn be_u32(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_be_bytes(*bytes))
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
