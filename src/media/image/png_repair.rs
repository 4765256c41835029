//! Damage in PNG files that does not affect the pixels and that Pillow ignores too: wrong checksums of image data, and
//! a missing end.

use flate2::Crc;

/// Length of the signature before the first chunk.
const SIGNATURE: usize = 8;

/// Size of the length and type before a chunk's content.
const HEAD: usize = 8;

/// The file with correct checksums and an end, and the problem that was repaired; `None` if there was none.
pub(super) fn repaired(mut bytes: Vec<u8>) -> Option<(Vec<u8>, &'static str)> {
    let mut wrong = 0;
    let mut at = SIGNATURE;
    while let Some(head) = bytes.get(at..at + HEAD) {
        let (length, kind) = head.split_at(4);
        let length = u32::from_be_bytes(length.try_into().ok()?) as usize;
        let kind: [u8; 4] = kind.try_into().ok()?;
        let end = at.checked_add(HEAD + length)?;
        let checksum = bytes.get(end..end.checked_add(4)?)?;
        if kind == *b"IDAT" {
            let mut crc = Crc::new();
            crc.update(&bytes[at + 4..end]);
            let right = crc.sum().to_be_bytes();
            if checksum != right {
                bytes[end..end + 4].copy_from_slice(&right);
                wrong += 1;
            }
        }
        at = end + 4;
        if kind == *b"IEND" {
            return (wrong > 0).then_some((bytes, "the checksum of its image data is wrong"));
        }
    }
    bytes.truncate(at);
    bytes.extend(b"\0\0\0\0IEND\xae\x42\x60\x82");
    Some((bytes, "it ends without an end chunk, but has all of its pixels"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: &[u8] = b"\0\0\0\0IEND\xae\x42\x60\x82";

    fn file(checksum: [u8; 4], end: &[u8]) -> Vec<u8> {
        [&b"\x89PNG\r\n\x1a\n\0\0\0\x01IDAT7"[..], &checksum, end].concat()
    }

    #[test]
    fn checksums_and_the_end_are_mended() {
        let mut crc = Crc::new();
        crc.update(b"IDAT7");
        let right = crc.sum().to_be_bytes();
        assert_eq!(repaired(file(right, END)), None);
        assert_eq!(repaired(file([0; 4], END)).unwrap().0, file(right, END));
        assert_eq!(repaired(file(right, b"")).unwrap().0, file(right, END));
        assert_eq!(repaired(file(right, b"\0\0")).unwrap().0, file(right, END));
    }

    #[test]
    fn what_is_cut_off_stays_so() {
        assert_eq!(repaired(b"\x89PNG\r\n\x1a\n\0\0\0\x09IDAT7".to_vec()), None);
        assert_eq!(repaired(b"\x89PNG\r\n\x1a\n\xff\xff\xff\xffIDAT".to_vec()), None);
        assert_eq!(repaired(b"\x89PNG\r\n\x1a\n\0\0\0\x01IDAT7\0\0".to_vec()), None);
    }
}
