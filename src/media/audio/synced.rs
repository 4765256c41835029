//! Formats without a file header, whose frames begin with a sync word: two frames at the right distance identify them.

/// Number of bytes that determine the length of a frame.
pub(super) const SYNC_LEN: usize = 6;

/// Length in bytes of a packet of an MPEG transport stream, and of the time code that cameras write before each.
const TRANSPORT_PACKET: usize = 188;
const TIME_CODE: usize = 4;

/// A frame of a format without a file header.
pub(super) struct SyncedFrame {
    pub(super) format: &'static str,
    /// Whether there is a built-in decoder.
    pub(super) is_decoded: bool,
    /// Number of bytes to the next frame.
    pub(super) len: usize,
}

impl SyncedFrame {
    /// The header of a frame of mp3 or mp2 (ISO 11172-3, 2.4.1.3; ISO 13818-3), ADTS (ISO 13818-7, 6.2), or AC-3 and
    /// E-AC-3 (ETSI TS 102 366).
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let header: &[u8; SYNC_LEN] = bytes.first_chunk()?;
        match header {
            [0xff, kind, ..] if kind & 0xf6 == 0xf0 => adts(header),
            [0xff, ..] => mpeg(header),
            [0x0b, 0x77, ..] => ac3(header),
            _ => None,
        }
    }

    /// The first of two frames of the same format at the right distance.
    pub(super) fn confirmed(bytes: &[u8]) -> Option<Self> {
        let first = Self::read(bytes)?;
        let second = Self::read(bytes.get(first.len..)?)?;
        (second.format == first.format).then_some(first)
    }
}

fn adts(&[_, _, rates, a, b, c]: &[u8; SYNC_LEN]) -> Option<SyncedFrame> {
    let len = usize::from(a & 3) << 11 | usize::from(b) << 3 | usize::from(c) >> 5;
    let is_valid = (rates >> 2) & 0x0f < 13 && len > SYNC_LEN;
    is_valid.then_some(SyncedFrame { format: "AAC (adts)", is_decoded: true, len })
}

fn mpeg(&[_, kind, rates, ..]: &[u8; SYNC_LEN]) -> Option<SyncedFrame> {
    /// Bit rates in kbit/s by index: of MPEG 1, layers III and II; of MPEG 2, both.
    const BIT_RATES: [[usize; 14]; 3] = [
        [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
        [32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
        [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
    ];
    // Sync, any version but the reserved one.
    if kind & 0xe0 != 0xe0 || kind & 0x18 == 0x08 {
        return None;
    }
    let (format, is_third) = match kind & 0x06 {
        0x02 => ("mp3", true),
        0x04 => ("mp2", false),
        _ => return None,
    };
    let (is_first_version, divisor) = match (kind >> 3) & 3 {
        3 => (true, 1),
        2 => (false, 2),
        _ => (false, 4),
    };
    let (table, samples) = match (is_first_version, is_third) {
        (true, true) => (0, 1152),
        (true, false) => (1, 1152),
        (false, true) => (2, 576),
        (false, false) => (2, 1152),
    };
    let bit_rate = 1000 * BIT_RATES[table].get(usize::from(rates >> 4).checked_sub(1)?)?;
    let sample_rate = [44_100, 48_000, 32_000].get(usize::from((rates >> 2) & 3))? / divisor;
    let padding = usize::from((rates >> 1) & 1);
    Some(SyncedFrame { format, is_decoded: true, len: samples / 8 * bit_rate / sample_rate + padding })
}

fn ac3(&[_, _, a, b, rates, version]: &[u8; SYNC_LEN]) -> Option<SyncedFrame> {
    /// Bit rates in kbit/s.
    const BIT_RATES: [usize; 19] =
        [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640];
    if version >> 3 > 10 {
        let len = 2 * ((usize::from(a & 7) << 8 | usize::from(b)) + 1);
        let is_valid = version >> 3 <= 16 && len > SYNC_LEN;
        return is_valid.then_some(SyncedFrame { format: "E-AC-3", is_decoded: false, len });
    }
    let code = usize::from(rates & 0x3f);
    let bit_rate = BIT_RATES.get(code / 2)?;
    // 1536 samples in words of 16 bits.
    let words = match rates >> 6 {
        0 => bit_rate * 2,
        1 => bit_rate * 1_536_000 / 44_100 / 16 + code % 2,
        2 => bit_rate * 3,
        _ => return None,
    };
    Some(SyncedFrame { format: "AC-3", is_decoded: false, len: 2 * words })
}

/// Number of bytes that [`is_transport_stream`] needs.
pub(super) const TRANSPORT_LEN: usize = TIME_CODE + 2 * (TRANSPORT_PACKET + TIME_CODE) + 1;

/// Whether a file begins with three packets of an MPEG transport stream (ISO 13818-1), each of which may follow a time
/// code.
pub(super) fn is_transport_stream(bytes: &[u8]) -> bool {
    let repeats = |first: usize, len: usize| (0..3).all(|n| bytes.get(first + n * len) == Some(&0x47));
    repeats(0, TRANSPORT_PACKET) || repeats(TIME_CODE, TRANSPORT_PACKET + TIME_CODE)
}

/// Number of bytes needed to be certain about a stream that begins with `magic`; `None` if `magic` is enough.
pub(super) fn needed(magic: &[u8]) -> Option<usize> {
    if magic.first() == Some(&0x47) || magic.get(TIME_CODE) == Some(&0x47) {
        return Some(TRANSPORT_LEN);
    }
    SyncedFrame::read(magic).map(|frame| frame.len + SYNC_LEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lengths_of_frames() {
        let len = |bytes: [u8; SYNC_LEN]| SyncedFrame::read(&bytes).map(|frame| (frame.format, frame.len));
        // 128 kbit/s at 44,100 Hz, with and without padding.
        assert_eq!(len([0xff, 0xfb, 0x90, 0x64, 0, 0]), Some(("mp3", 417)));
        assert_eq!(len([0xff, 0xfb, 0x92, 0x64, 0, 0]), Some(("mp3", 418)));
        // MPEG 1, layer II, 384 kbit/s at 48,000 Hz.
        assert_eq!(len([0xff, 0xfd, 0xe4, 0x04, 0, 0]), Some(("mp2", 1152)));
        // MPEG 2, layer II, 160 kbit/s at 16,000 Hz.
        assert_eq!(len([0xff, 0xf5, 0xe8, 0xc4, 0, 0]), Some(("mp2", 1440)));
        // 192 kbit/s at 48,000 Hz, and 96 kbit/s at 44,100 Hz.
        assert_eq!(len([0x0b, 0x77, 0, 0, 0x14, 0x40]), Some(("AC-3", 768)));
        assert_eq!(len([0x0b, 0x77, 0, 0, 0x4d, 0x40]), Some(("AC-3", 418)));
        assert_eq!(len([0x0b, 0x77, 0x01, 0x7f, 0x3f, 0x80]), Some(("E-AC-3", 768)));
        assert_eq!(len([0xff, 0xf9, 0x40, 0x80, 0x10, 0]), Some(("AAC (adts)", 128)));
        assert_eq!(len([0x0b, 0x77, 0, 0, 0xff, 0x40]), None);
        assert_eq!(len([0xff, 0xff, 0xff, 0xff, 0, 0]), None);
    }
}
