//! The orientation of a picture: EXIF's tag, or XMP's if that is missing, in the order of Pillow's `exif_transpose`.

use ::image::metadata::Orientation;

/// EXIF's tag.
const ORIENTATION: u16 = 0x0112;

/// The orientation of a picture with this metadata; `None` if neither contains one of the eight orientations.
pub fn orientation(exif: Option<&[u8]>, xmp: Option<&[u8]>) -> Option<Orientation> {
    // There is a tag with another value, so XMP is ignored.
    match exif.and_then(in_exif) {
        Some(value) => u8::try_from(value).ok().and_then(Orientation::from_exif),
        None => xmp.and_then(in_xmp).and_then(Orientation::from_exif),
    }
}

/// The value of the tag in the first directory of an EXIF block, of any integer type.
fn in_exif(exif: &[u8]) -> Option<u64> {
    let mut exif = exif;
    while let Some(rest) = exif.strip_prefix(b"Exif\0\0") {
        exif = rest;
    }
    let block = Block {
        bytes: exif,
        little: match exif.get(..2)? {
            b"II" => true,
            b"MM" => false,
            _ => return None,
        },
    };
    let directory = usize::try_from(block.number(4, 4)?).ok()?;
    let entries = block.number(directory, 2)?;
    (0..entries as usize)
        .map(|index| directory + 2 + 12 * index)
        .find_map(|entry| (block.number(entry, 2)? == u64::from(ORIENTATION)).then(|| block.value(entry))?)
}

/// A block in TIFF format, in either byte order.
struct Block<'a> {
    bytes: &'a [u8],
    little: bool,
}

impl Block<'_> {
    fn number(&self, at: usize, length: usize) -> Option<u64> {
        let bytes = self.bytes.get(at..at.checked_add(length)?)?;
        let digit = |number, byte: &u8| number << 8 | u64::from(*byte);
        Some(if self.little { bytes.iter().rev().fold(0, digit) } else { bytes.iter().fold(0, digit) })
    }

    /// The value of a directory entry, if it is a single integer stored in the entry.
    fn value(&self, entry: usize) -> Option<u64> {
        let (kind, count) = (self.number(entry + 2, 2)?, self.number(entry + 4, 4)?);
        let length = match kind {
            // BYTE and SBYTE; SHORT and SSHORT; LONG, SLONG and IFD.
            1 | 6 => 1,
            3 | 8 => 2,
            4 | 9 | 13 => 4,
            _ => return None,
        };
        if count == 1 { self.number(entry + 8, length) } else { None }
    }
}

/// The digit after `tiff:Orientation="` or `tiff:Orientation>`, which is all that Pillow looks for too.
fn in_xmp(xmp: &[u8]) -> Option<u8> {
    const NAME: &[u8] = b"tiff:Orientation";
    let names = xmp.windows(NAME.len()).enumerate().filter(|(_, name)| *name == NAME);
    let mut behind = names.map(|(at, _)| &xmp[at + NAME.len()..]);
    behind.find_map(|text| {
        let text = text.strip_prefix(b"=\"").or(text.strip_prefix(b">"))?;
        text.first().filter(|digit| digit.is_ascii_digit()).map(|digit| digit - b'0')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exif(little: bool, kind: u16, count: u32, value: &[u8; 4]) -> Vec<u8> {
        let short = |value: u16| if little { value.to_le_bytes() } else { value.to_be_bytes() };
        let long = |value: u32| if little { value.to_le_bytes() } else { value.to_be_bytes() };
        let head = if little { *b"II" } else { *b"MM" };
        let other = [&short(0x0100)[..], &short(3), &long(1), &long(0)].concat();
        let entry = [&short(ORIENTATION)[..], &short(kind), &long(count), value].concat();
        [&b"Exif\0\0"[..], &head, &short(42), &long(8), &short(2), &other, &entry].concat()
    }

    #[test]
    fn any_integer_type_and_byte_order_counts() {
        for (block, expected) in [
            (exif(true, 3, 1, &[6, 0, 0, 0]), Some(Orientation::Rotate90)),
            (exif(false, 3, 1, &[0, 8, 0, 0]), Some(Orientation::Rotate270)),
            (exif(true, 4, 1, &[3, 0, 0, 0]), Some(Orientation::Rotate180)),
            (exif(false, 4, 1, &[0, 0, 0, 6]), Some(Orientation::Rotate90)),
            (exif(true, 9, 1, &[5, 0, 0, 0]), Some(Orientation::Rotate90FlipH)),
            (exif(true, 3, 2, &[6, 0, 6, 0]), None),
            (exif(true, 2, 1, &[6, 0, 0, 0]), None),
            (exif(true, 4, 1, &[9, 0, 0, 0]), None),
            (exif(true, 4, 1, &[6, 1, 0, 0]), None),
        ] {
            assert_eq!(orientation(Some(&block), None), expected, "{block:?}");
        }
    }

    #[test]
    fn xmp_is_asked_where_exif_has_no_tag() {
        let xmp = b"<x tiff:OrientationX=\"1\" tiff:Orientation=\"6\"/>";
        assert_eq!(orientation(None, Some(xmp)), Some(Orientation::Rotate90));
        assert_eq!(orientation(None, Some(b"<tiff:Orientation>3</tiff:Orientation>")), Some(Orientation::Rotate180));
        assert_eq!(orientation(Some(b"II*\0"), Some(xmp)), Some(Orientation::Rotate90));
        let upright = exif(true, 3, 1, &[1, 0, 0, 0]);
        assert_eq!(orientation(Some(&upright), Some(xmp)), Some(Orientation::NoTransforms));
        assert_eq!(orientation(None, Some(b"tiff:Orientation=")), None);
    }

    #[test]
    fn damaged_blocks_have_no_orientation() {
        let whole = exif(true, 3, 1, &[6, 0, 0, 0]);
        for length in 0..whole.len() {
            let found = orientation(Some(&whole[..length]), None);
            assert!(found.is_none() || length + 2 >= whole.len(), "{length}");
        }
        let mut far = whole.clone();
        far[10..14].fill(0xff);
        assert_eq!(orientation(Some(&far), None), None);
    }
}
