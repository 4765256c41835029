//! The columns that filters and ranking need of every item, in rows of a fixed size.

use super::item::ItemKind;

/// Bytes of a row.
pub(super) const ROW: usize = 24;

/// Stands for no time.
const NO_TIME: i64 = i64::MIN;

/// One item's row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Row {
    /// Unix time in milliseconds.
    pub time: Option<i64>,
    /// Number of its entry.
    pub entry: u32,
    /// Number of words of its text.
    pub words: u32,
    /// Number of its source.
    pub source: u16,
    pub kind: ItemKind,
}

impl Row {
    pub fn to_bytes(self) -> [u8; ROW] {
        let mut bytes = [0; ROW];
        bytes[..8].copy_from_slice(&self.time.unwrap_or(NO_TIME).to_le_bytes());
        bytes[8..12].copy_from_slice(&self.entry.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.words.to_le_bytes());
        bytes[16..18].copy_from_slice(&self.source.to_le_bytes());
        bytes[18] = self.kind as u8;
        bytes
    }

    /// `None` for bytes that are not a row.
    pub fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; ROW] = bytes.try_into().ok()?;
        let four = |at: usize| [bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]];
        let (low, high) = (u32::from_le_bytes(four(0)), u32::from_le_bytes(four(4)));
        let time = (u64::from(high) << 32 | u64::from(low)).cast_signed();
        Some(Row {
            time: (time != NO_TIME).then_some(time),
            entry: u32::from_le_bytes(four(8)),
            words: u32::from_le_bytes(four(12)),
            source: u16::from_le_bytes([bytes[16], bytes[17]]),
            kind: ItemKind::of_number(bytes[18])?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_back() {
        for time in [None, Some(0), Some(-1), Some(1_764_524_000_123)] {
            let row = Row { time, entry: u32::MAX, words: 7, source: 513, kind: ItemKind::Sound };
            assert_eq!(Row::of_bytes(&row.to_bytes()), Some(row));
        }
        assert_eq!(Row::of_bytes(&[255; ROW]), None);
        assert_eq!(Row::of_bytes(&[0; 3]), None);
    }
}
