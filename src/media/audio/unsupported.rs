//! Names of formats that cannot be decoded, or not while they are being written, for error messages.

/// Number of bytes that [`format_name`] uses: the first page of an ogg file with the beginning of its first packet.
pub(super) const MAGIC_LEN: usize = 64;

/// Magic bytes; `_` matches any byte.
const FORMATS: [(&[u8], &str); 5] = [
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Windows Media (asf, wma)"),
    (b"#!AMR", "AMR"),
    (b"RIFX", "big-endian WAV"),
    (b"riff\x2e\x91\xcf\x11", "Wave64"),
    (b".snd", "AU"),
];

/// First packets of ogg streams.
const OGG_CODECS: [(&[u8], &str); 1] = [(b"Speex   ", "Speex")];

/// The name of the format or codec of a file that begins with `magic`, if it is known but has no built-in decoder.
pub(super) fn format_name(magic: &[u8]) -> Option<&'static str> {
    if magic.starts_with(b"OggS") {
        // A page's header has 27 bytes; the last one is the number of lengths that follow (RFC 3533).
        let packet = 27 + usize::from(*magic.get(26)?);
        return name_of(magic.get(packet..)?, &OGG_CODECS);
    }
    name_of(magic, &FORMATS)
}

/// Magic bytes of the formats read by decoders other than WAV's.
const COMPRESSED: [(&[u8], &str); 7] = [
    (b"fLaC", "FLAC"),
    (b"OggS", "Ogg"),
    (b"ID3", "mp3"),
    (b"____ftyp", "MP4"),
    (b"\x1a\x45\xdf\xa3", "Matroska"),
    (b"FORM____AIF", "AIFF"),
    (b"caff", "CAF"),
];

/// Magic bytes of files without sound, which would be read as raw samples if sent as a stream by mistake. Each is so
/// long that samples hardly ever begin with it.
const NOT_SOUND: [&[u8]; 9] = [
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff\xe0__JFIF",
    b"\xff\xd8\xff\xe1__Exif",
    b"GIF89a",
    b"%PDF-1.",
    b"PK\x03\x04\x14\x00",
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
    b"\x7fELF\x02\x01\x01",
    b"<!DOCTYPE",
];

/// Whether `magic` begins a file that is not sound.
pub(super) fn is_not_sound(magic: &[u8]) -> bool {
    NOT_SOUND.iter().any(|beginning| matches(magic, beginning))
}

/// Number of bytes that [`is_compressed`] needs to be certain about a stream that begins with `magic`; `None` if
/// `magic` is enough.
pub(super) fn frame_to_confirm(magic: &[u8]) -> Option<usize> {
    SyncedFrame::read(magic).map(|frame| frame.len + SYNC_LEN)
}

/// Whether a stream begins like a file for the compressed formats' decoders, and not with raw samples.
pub(super) fn is_compressed(magic: &[u8]) -> bool {
    if name_of(magic, &COMPRESSED).is_some() {
        return true;
    }
    // By chance raw samples may look like the beginning of one frame, but hardly like two at the right distance.
    let second =
        SyncedFrame::read(magic).and_then(|first| Some((first.format, SyncedFrame::read(magic.get(first.len..)?)?)));
    second.is_some_and(|(first, second)| second.format == first)
}

/// Number of bytes that determine the length of an mp3 or ADTS frame.
const SYNC_LEN: usize = 6;

/// A frame of a format without a file header.
struct SyncedFrame {
    format: &'static str,
    /// Number of bytes to the next frame.
    len: usize,
}

impl SyncedFrame {
    /// Reads the header of a frame of mp3 (ISO 11172-3, 2.4.1.3; ISO 13818-3) or ADTS (ISO 13818-7, 6.2).
    fn read(bytes: &[u8]) -> Option<Self> {
        /// Bit rates of layer III in kbit/s by index, for MPEG 1 and MPEG 2.
        const BIT_RATES: [[usize; 14]; 2] = [
            [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
            [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
        ];
        let &[0xff, kind, rates, a, b, c] = bytes.get(..SYNC_LEN)? else { return None };
        if kind & 0xf6 == 0xf0 && (rates >> 2) & 0x0f < 13 {
            let len = usize::from(a & 3) << 11 | usize::from(b) << 3 | usize::from(c) >> 5;
            return (len > SYNC_LEN).then_some(Self { format: "AAC (adts)", len });
        }
        // Sync, any version but the reserved one, layer III.
        if kind & 0xe6 != 0xe2 || kind & 0x18 == 0x08 {
            return None;
        }
        let (table, samples, divisor) = match (kind >> 3) & 3 {
            3 => (0, 1152, 1),
            2 => (1, 576, 2),
            _ => (1, 576, 4),
        };
        let bit_rate = 1000 * BIT_RATES[table].get(usize::from(rates >> 4).checked_sub(1)?)?;
        let sample_rate = [44_100, 48_000, 32_000].get(usize::from((rates >> 2) & 3))? / divisor;
        let padding = usize::from((rates >> 1) & 1);
        Some(Self { format: "mp3", len: samples / 8 * bit_rate / sample_rate + padding })
    }
}

fn name_of(bytes: &[u8], names: &[(&[u8], &'static str)]) -> Option<&'static str> {
    names.iter().find(|(beginning, _)| matches(bytes, beginning)).map(|(_, name)| *name)
}

/// Whether `bytes` begin with `beginning`, in which `_` matches any byte.
fn matches(bytes: &[u8], beginning: &[u8]) -> bool {
    bytes.len() >= beginning.len()
        && beginning.iter().zip(bytes).all(|(expected, byte)| *expected == b'_' || expected == byte)
}
