//! Lists of the items that contain a word, compressed: differences of item numbers and counts, as LEB128.

/// An item that contains a word, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Posting {
    pub item: u32,
    pub count: u32,
}

/// Appends postings in ascending order of items to `bytes`; the last item before them was `before`.
pub(in super::super) fn encode(postings: &[Posting], mut before: u32, bytes: &mut Vec<u8>) {
    for posting in postings {
        number(posting.item.wrapping_sub(before), bytes);
        number(posting.count, bytes);
        before = posting.item;
    }
}

/// Reads a list whose differences start from `before`. `None` if it is not one.
pub(in super::super) fn decode(bytes: &[u8], mut before: u32) -> Option<Vec<Posting>> {
    let mut postings = Vec::new();
    let mut bytes = bytes.iter();
    while bytes.len() > 0 {
        let item = before.checked_add(read(&mut bytes)?)?;
        postings.push(Posting { item, count: read(&mut bytes)? });
        before = item;
    }
    Some(postings)
}

fn number(mut number: u32, bytes: &mut Vec<u8>) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn read(bytes: &mut std::slice::Iter<u8>) -> Option<u32> {
    let mut number = 0u64;
    for shift in (0..35).step_by(7) {
        let byte = *bytes.next()?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return u32::try_from(number).ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_back() {
        let items = [(5, 1), (6, 130), (70_000, 2), (u32::MAX, u32::MAX)];
        let postings: Vec<Posting> = items.map(|(item, count)| Posting { item, count }).into();
        let mut bytes = Vec::new();
        encode(&postings[..2], 5, &mut bytes);
        encode(&postings[2..], 6, &mut bytes);
        assert_eq!(decode(&bytes, 5), Some(postings));
        assert_eq!(decode(&[], 5), Some(Vec::new()));
        for bad in [&[0x80][..], &[1], &[0xff, 0xff, 0xff, 0xff, 0x7f, 1], &[0xff; 9]] {
            assert_eq!(decode(bad, 5), None, "{bad:?}");
        }
    }
}
