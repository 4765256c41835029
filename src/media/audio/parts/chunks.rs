//! WAV, AIFF, CAF and MP4: chunks with a type and a length.

use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use super::super::wav;
use super::{Bytes, Extent, MOST_STEPS};

/// Lengths that recorders leave behind if they cannot write the true one are at least this.
const PLACEHOLDER: u64 = 0x7fff_0000;

/// WAV: finds the next recording that needs another decoder. Plain samples after plain samples need none.
pub(super) fn riff(bytes: &Bytes<'_>, start: u64) -> io::Result<Extent> {
    let mut plain = is_plain(bytes, start);
    let big_endian = wav::is_big_endian(&bytes.at::<4>(start)?.0);
    let mut position = start + 12;
    for _ in 0..MOST_STEPS {
        if bytes.begins(position)? {
            let (magic, len) = bytes.at::<12>(position)?;
            let next = if wav::is_wav(&magic[..len]) { is_plain(bytes, position) } else { Some(false) };
            // The decoder of plain samples reports a second header that is invalid.
            if plain == Some(false) || next == Some(false) {
                return Ok(Extent { next: Some(position), ..Extent::default() });
            }
            plain = plain.and(next);
            position += 12;
            continue;
        }
        let Some(chunk) = Chunk::read(bytes, position)? else { break };
        let size = u64::from(if big_endian { chunk.size } else { chunk.size.swap_bytes() });
        let end = position + 8 + size;
        if !chunk.is_named() || end > bytes.len {
            break;
        }
        position = end + size % 2;
    }
    Ok(Extent::default())
}

/// Whether a WAV file has plain samples; `None` if its header is invalid.
fn is_plain(bytes: &Bytes<'_>, start: u64) -> Option<bool> {
    let mut reader = Reader { bytes, position: start };
    let header = wav::Header::read(&mut reader, Some(bytes.len - start)).ok()?;
    Some(header.encoding().is_some())
}

/// Reads on from a position.
struct Reader<'a> {
    bytes: &'a Bytes<'a>,
    position: u64,
}

impl Read for Reader<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.file.read_at(bytes, self.position)?;
        self.position += read as u64;
        Ok(read)
    }
}

/// The header of a chunk.
struct Chunk {
    kind: [u8; 4],
    /// In big-endian order.
    size: u32,
}

impl Chunk {
    fn read(bytes: &Bytes<'_>, position: u64) -> io::Result<Option<Self>> {
        let ([i, j, k, l, a, b, c, d], len) = bytes.at::<8>(position)?;
        Ok((len == 8).then_some(Self { kind: [i, j, k, l], size: u32::from_be_bytes([a, b, c, d]) }))
    }

    fn is_named(&self) -> bool {
        self.kind.iter().all(|byte| (b' '..=b'~').contains(byte))
    }
}

/// AIFF: the samples reach the end of the file if their declared length does, or is 0.
pub(super) fn aiff(bytes: &Bytes<'_>, start: u64) -> io::Result<Extent> {
    let form = Chunk::read(bytes, start)?.map_or(0, |form| u64::from(form.size));
    let form_end = start + 8 + form + form % 2;
    let mut extent = Extent::default();
    let (mut position, mut has_samples) = (start + 12, false);
    for _ in 0..MOST_STEPS {
        // Behind the samples, the declared length of the file counts if it is possible.
        if has_samples && form_end == position || bytes.begins(position)? {
            break;
        }
        let Some(chunk) = Chunk::read(bytes, position)?.filter(Chunk::is_named) else { break };
        let (size, content) = (u64::from(chunk.size), position + 8);
        let available = bytes.len.saturating_sub(content);
        // The first 8 bytes of its content come before the samples.
        if chunk.kind == *b"SSND" && (size < 8 || size > available) {
            extent.patches.push((position + 4, be_u32(available).to_vec()));
            if (8..PLACEHOLDER).contains(&size) {
                extent.warning = Some(cut_off(available.saturating_sub(8), size - 8));
            }
            position = bytes.len;
            break;
        }
        if size > available {
            break;
        }
        has_samples |= chunk.kind == *b"SSND";
        position = (content + size + size % 2).min(bytes.len);
    }
    if bytes.begins(position)? {
        extent.next = Some(position);
    }
    if form_end != position {
        extent.patches.push((start + 4, be_u32(position - start - 8).to_vec()));
    }
    extent.end = Some(position);
    Ok(extent)
}

/// CAF (Apple's "Core Audio Format Specification 1.0"): lengths have 64 bits, and that of the samples may be -1.
pub(super) fn caf(bytes: &Bytes<'_>, start: u64) -> io::Result<Extent> {
    let mut extent = Extent::default();
    let (mut position, mut packet_len) = (start + 8, 1);
    for _ in 0..MOST_STEPS {
        if bytes.begins(position)? {
            extent.next = Some(position);
            break;
        }
        let ([i, j, k, l, size @ ..], 12) = bytes.at::<12>(position)? else { break };
        let (kind, size, content) = ([i, j, k, l], u64::from_be_bytes(size), position + 12);
        let available = bytes.len.saturating_sub(content);
        if kind == *b"desc" {
            // Rate, codec and its flags come before the number of bytes of a packet.
            let (description, _) = bytes.at::<20>(content)?;
            let [.., a, b, c, d] = description;
            packet_len = u64::from(u32::from_be_bytes([a, b, c, d])).max(1);
        }
        if kind == *b"data" && size > available && available >= 4 {
            // A number of edits comes before the samples.
            let whole = (available - 4) / packet_len * packet_len;
            extent.patches.push((position + 4, (whole + 4).to_be_bytes().to_vec()));
            if size < i64::MAX as u64 {
                extent.warning = Some(cut_off(whole, size - 4));
            }
            position = content + 4 + whole;
            break;
        }
        if size > available {
            break;
        }
        position = content + size;
    }
    extent.end = Some(position);
    Ok(extent)
}

/// MP4: the next recording begins with its own `ftyp` and has its own index.
pub(super) fn boxes(bytes: &Bytes<'_>, start: u64) -> io::Result<Extent> {
    let (mut position, mut has_index) = (start, false);
    // Where a recording begins that has no index so far.
    let mut next = None;
    for _ in 0..MOST_STEPS {
        // The length comes first.
        let ([a, b, c, d, kind @ ..], 8) = bytes.at::<8>(position)? else { break };
        let size = u32::from_be_bytes([a, b, c, d]);
        if position > start && has_index && bytes.begins(position)? {
            if kind != *b"ftyp" {
                return Ok(Extent { next: Some(position), ..Extent::default() });
            }
            next = next.or(Some(position));
        }
        if kind == *b"moov" {
            if next.is_some() {
                return Ok(Extent { next, ..Extent::default() });
            }
            has_index = true;
        }
        let size = match size {
            0 => break,
            1 => {
                let (long, len) = bytes.at::<8>(position + 8)?;
                if len == 8 { u64::from_be_bytes(long) } else { break }
            }
            size => u64::from(size),
        };
        match position.checked_add(size) {
            Some(end) if size >= 8 && end <= bytes.len => position = end,
            _ => break,
        }
    }
    Ok(Extent::default())
}

fn cut_off(available: u64, declared: u64) -> String {
    format!("it is cut off: it has {available} of {declared} bytes of samples, which are used")
}

/// A length as a chunk's header has it; one that does not fit is as long as possible.
fn be_u32(len: u64) -> [u8; 4] {
    u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes()
}
