//! What `symphonia` ignores in an MP4 file: which tracks are enabled, where their edit lists start, and whether the
//! file is truncated.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use super::super::AudioError;

/// Maximum number of boxes read at one level.
const MOST_BOXES: usize = 10_000;

/// A longer edit list is ignored.
const MOST_EDITS: u64 = 1_000;

/// Boxes before the samples of a stream are kept up to this length in all, to read its index before `symphonia` does.
/// An index has some 10 bytes per packet of AAC: this is enough for 20 hours.
const LONGEST_INDEX: u64 = 32 << 20;

/// Summary of an MP4 file.
#[derive(Debug, Default)]
pub(super) struct Outline {
    /// Ids of the enabled tracks; MP4 marks the tracks to be played in this way.
    pub(super) enabled: Vec<u32>,
    /// The edit lists of its tracks.
    pub(super) edits: Vec<Edits>,
    /// Complete length of the file, if it is truncated.
    pub(super) whole_len: Option<u64>,
}

/// The edit list of a track (ISO/IEC 14496-12, 8.6.6), as far as it is supported: sound before the earliest piece is
/// skipped. Pieces that are reordered, repeated or left out are read once, in the order of the file: packets count, and
/// empty edits, which delay a track relative to others, do not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edits {
    /// Id of the track.
    pub(super) track: u32,
    /// Seconds before the earliest piece: the encoder's priming (AAC), or a part that was trimmed without re-encoding.
    pub(super) skipped: f64,
    /// Number of pieces of the track that are played.
    pub(super) pieces: usize,
}

/// The boxes of a stream before its samples.
pub(super) struct Beginning {
    /// Everything that was read of the stream.
    pub(super) bytes: Vec<u8>,
    pub(super) outline: Outline,
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

    /// Reads the boxes of a stream up to its index, which has the edit lists. If samples come first, the outline is
    /// empty.
    ///
    /// # Errors
    /// [`AudioError::NoIndex`] for a stream that ends inside its index; [`AudioError::Io`].
    pub(super) fn read_stream(stream: &mut dyn Read) -> Result<Beginning, AudioError> {
        let mut bytes = Vec::new();
        while let Some((kind, content, end)) = append_header(stream, &mut bytes)? {
            if matches!(&kind, b"mdat" | b"moof") || end > LONGEST_INDEX {
                break;
            }
            let is_whole = append(stream, end - content, &mut bytes)?;
            if &kind == b"moov" {
                let outline = Outline::read(&mut Cursor::new(&bytes), bytes.len() as u64)?;
                return Ok(Beginning { bytes, outline });
            }
            if !is_whole {
                break;
            }
        }
        Ok(Beginning { bytes, outline: Outline::default() })
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
            if let Some((skipped, pieces)) = edit_list(file, &parts)? {
                self.edits.push(Edits { track: id, skipped, pieces });
            }
        }
        Ok(())
    }
}

/// Seconds of a track before the earliest piece in its edit list, and the number of pieces.
fn edit_list(file: &mut (impl Read + Seek), parts: &[FoundBox]) -> Result<Option<(f64, usize)>, AudioError> {
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
    Ok(starts.iter().min().map(|&start| (start as f64 / f64::from(scale), starts.len())))
}

/// Reads the header of the next box of a stream; `None` if there is none, or its length is unknown.
fn append_header(stream: &mut dyn Read, bytes: &mut Vec<u8>) -> Result<Option<FoundBox>, AudioError> {
    let start = bytes.len();
    if !append(stream, 8, bytes)? {
        return Ok(None);
    }
    match be_u32(bytes, start) {
        // Up to the end of the stream.
        None | Some(0) => return Ok(None),
        // Its length has 64 bits.
        Some(1) if !append(stream, 8, bytes)? => return Ok(None),
        Some(_) => {}
    }
    Ok(boxes(&mut Cursor::new(&bytes), start as u64, bytes.len() as u64)?.pop())
}

/// Reads `len` more bytes; `false` if the stream ends before.
fn append(stream: &mut dyn Read, len: u64, bytes: &mut Vec<u8>) -> io::Result<bool> {
    Ok(stream.take(len).read_to_end(bytes)? as u64 == len)
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
