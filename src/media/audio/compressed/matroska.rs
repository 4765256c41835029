//! Matroska details that `symphonia` ignores: which tracks are marked as default (RFC 9559).

use std::io::{Read, Seek, SeekFrom};

pub(in super::super) const SEGMENT: u32 = 0x1853_8067;
const TRACKS: u32 = 0x1654_ae6b;
pub(in super::super) const CLUSTER: u32 = 0x1f43_b675;
const ENTRY: u32 = 0xae;
const NUMBER: u32 = 0xd7;
const DEFAULT: u32 = 0x88;

/// Maximum number of elements read at one level.
const MOST_ELEMENTS: usize = 1_000;

/// Whether a file that begins with `magic` is a Matroska or WebM file.
pub(super) fn is_matroska(magic: &[u8]) -> bool {
    magic.starts_with(b"\x1a\x45\xdf\xa3")
}

/// Numbers of the tracks that are marked as default; empty if the file cannot be read that far.
pub(super) fn default_tracks(file: &mut (impl Read + Seek), len: u64) -> Vec<u32> {
    tracks(file, len).unwrap_or_default()
}

fn tracks(file: &mut (impl Read + Seek), len: u64) -> Option<Vec<u32>> {
    let (_, start, end) = elements(file, 0, len)?.into_iter().find(|(id, ..)| *id == SEGMENT)?;
    let (_, start, end) = elements(file, start, end)?.into_iter().find(|(id, ..)| *id == TRACKS)?;
    let mut found = Vec::new();
    for (_, start, end) in elements(file, start, end)?.into_iter().filter(|(id, ..)| *id == ENTRY) {
        let (mut number, mut default) = (0, 1);
        for (id, start, end) in elements(file, start, end)? {
            match id {
                NUMBER => number = unsigned(file, start, end)?,
                DEFAULT => default = unsigned(file, start, end)?,
                _ => {}
            }
        }
        if default == 1 {
            found.push(u32::try_from(number).ok()?);
        }
    }
    Some(found)
}

/// The elements between two positions, up to the first cluster: id, start and end of the content.
fn elements(file: &mut (impl Read + Seek), start: u64, end: u64) -> Option<Vec<(u32, u64, u64)>> {
    let (mut found, mut position) = (Vec::new(), start);
    while position < end && found.len() < MOST_ELEMENTS {
        file.seek(SeekFrom::Start(position)).ok()?;
        let mut bytes = Vec::new();
        file.take(LONGEST_HEADER as u64).read_to_end(&mut bytes).ok()?;
        let Some(element) = header(&bytes) else { break };
        let content = position + element.header_len as u64;
        let content_end = element.len.map_or(end, |len| content.saturating_add(len).min(end));
        if element.id == CLUSTER {
            break;
        }
        found.push((element.id, content, content_end));
        position = content_end;
    }
    Some(found)
}

/// The header of an element.
pub(in super::super) struct Element {
    pub(in super::super) id: u32,
    /// Number of bytes of its content; `None` if unknown: up to the end of the enclosing element.
    pub(in super::super) len: Option<u64>,
    pub(in super::super) header_len: usize,
}

/// Maximum length of the header of an element in bytes.
pub(super) const LONGEST_HEADER: usize = 12;

/// The header of the element that begins with `bytes`; `None` if it is invalid or incomplete.
pub(in super::super) fn header(bytes: &[u8]) -> Option<Element> {
    let (id, id_len) = number(bytes, true)?;
    let (len, len_len) = number(bytes.get(id_len..)?, false)?;
    let is_known = len != (1 << (7 * len_len)) - 1;
    Some(Element { id: u32::try_from(id).ok()?, len: is_known.then_some(len), header_len: id_len + len_len })
}

/// A variable-length number, and its length in bytes; an id keeps the bits that encode the length.
fn number(bytes: &[u8], is_id: bool) -> Option<(u64, usize)> {
    let len = bytes.first()?.leading_zeros() as usize + 1;
    let value = bytes.get(..len).filter(|_| len <= 8)?.iter().fold(0u64, |value, &byte| value << 8 | u64::from(byte));
    Some((if is_id { value } else { value & ((1 << (7 * len)) - 1) }, len))
}

/// The content of an element as a number.
fn unsigned(file: &mut (impl Read + Seek), start: u64, end: u64) -> Option<u64> {
    file.seek(SeekFrom::Start(start)).ok()?;
    let mut bytes = Vec::new();
    file.take((end - start).min(8)).read_to_end(&mut bytes).ok()?;
    Some(bytes.iter().fold(0, |value, &byte| value << 8 | u64::from(byte)))
}
