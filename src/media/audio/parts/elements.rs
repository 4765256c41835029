//! Matroska and WebM: elements with an id and a length.

use std::io;

use super::super::compressed::matroska::{CLUSTER, SEGMENT, header};
use super::{Bytes, Extent, MOST_STEPS};

/// Finds the next recording after the one at `start`.
///
/// A recorder that writes to a pipe leaves the lengths of segment and clusters unknown: then their elements are passed
/// over one by one, and the segment's length is filled in, without which its end looks like a cut.
pub(super) fn matroska(bytes: &Bytes<'_>, start: u64) -> io::Result<Extent> {
    let mut extent = Extent::default();
    let mut position = start;
    // Where the length of the segment is, and its content begins.
    let mut unknown = None;
    for _ in 0..MOST_STEPS {
        if position > start && bytes.begins(position)? {
            extent.next = Some(position);
            break;
        }
        let (read, len) = bytes.at::<12>(position)?;
        let Some(element) = header(&read[..len]) else { break };
        let content = position + element.header_len as u64;
        if element.id == SEGMENT && element.len.is_none() {
            unknown = Some((position + SEGMENT_ID_LEN, content));
        }
        position = match element.len {
            Some(len) if content.saturating_add(len) <= bytes.len => content + len,
            None if matches!(element.id, SEGMENT | CLUSTER) => content,
            _ => break,
        };
    }
    if let Some((at, content)) = unknown
        && (extent.next.is_some() || position == bytes.len)
    {
        extent.patches.extend(length(position - content, content - at).map(|length| (at, length)));
    }
    Ok(extent)
}

/// Number of bytes of the id of a segment.
const SEGMENT_ID_LEN: u64 = 4;

/// A length in `width` bytes, if it fits: the number of leading zero bits says how many there are.
fn length(len: u64, width: u64) -> Option<Vec<u8>> {
    let marker = 1u64.checked_shl(7 * width as u32)?;
    (len < marker - 1).then(|| (len | marker).to_be_bytes()[8 - width as usize..].to_vec())
}
