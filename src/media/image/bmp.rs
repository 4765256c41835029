//! Size of BMP files, whose decoder reports a picture without columns as one of negative width.

/// Bytes of the file header, before the picture's.
const FILE_HEADER: usize = 14;

/// Length of the picture's header in OS/2 files, where numbers have 16 bits.
const OS2_HEADER: u32 = 12;

/// Columns and rows of a BMP file that starts with these bytes; `None` if they end before, or the width is negative.
pub(super) fn size(start: &[u8]) -> Option<(u32, u32)> {
    let header = start.get(FILE_HEADER..)?;
    let (len, rest) = header.split_first_chunk()?;
    if u32::from_le_bytes(*len) == OS2_HEADER {
        let [a, b, c, d] = *rest.first_chunk()?;
        return Some((u16::from_le_bytes([a, b]).into(), u16::from_le_bytes([c, d]).into()));
    }
    let (width, rest) = rest.split_first_chunk()?;
    let width = u32::try_from(i32::from_le_bytes(*width)).ok()?;
    // From top to bottom if negative.
    let height = i32::from_le_bytes(*rest.first_chunk()?).unsigned_abs();
    Some((width, height))
}
