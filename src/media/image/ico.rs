//! PNG pictures in ICO files. The ICO decoder accepts only those with alpha.

/// Length of the file's header and of an entry of its directory.
const HEADER: usize = 6;
const ENTRY: usize = 16;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The largest picture of an ICO file, if it is a PNG file: of pictures of the same size, the one with most bits per
/// pixel.
pub(super) fn embedded_png(file: &[u8]) -> Option<&[u8]> {
    let count = u16::from_le_bytes(*file.get(4..HEADER)?.first_chunk()?);
    let entries = file.get(HEADER..)?.chunks_exact(ENTRY).take(usize::from(count));
    // 0 stands for 256 columns or rows.
    let side = |byte: u8| if byte == 0 { 256 } else { u32::from(byte) };
    let size = |entry: &&[u8]| (side(entry[0]) * side(entry[1]), u16::from_le_bytes([entry[6], entry[7]]));
    // The first of equals.
    let best = entries.rev().max_by_key(size)?;
    let number = |at: usize| Some(u32::from_le_bytes(*best.get(at..)?.first_chunk()?) as usize);
    let start = number(12)?;
    let picture = file.get(start..start.checked_add(number(8)?)?)?;
    picture.starts_with(PNG).then_some(picture)
}
