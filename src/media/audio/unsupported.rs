//! Names of formats that cannot be decoded, or not while they are being written, for error messages.

use super::synced::{self, SyncedFrame};

/// Number of bytes that [`format_name`] uses: the first page of an ogg file with the beginning of its first packet.
pub(super) const MAGIC_LEN: usize = 64;

/// Magic bytes; `_` matches any byte.
const FORMATS: [(&[u8], &str); 24] = [
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Windows Media (asf, wma)"),
    (b"#!AMR", "AMR"),
    (b"riff\x2e\x91\xcf\x11", "Wave64"),
    (b".snd", "AU"),
    (b"RIFF____AVI ", "AVI"),
    (b"\x00\x00\x01\xba", "an MPEG program stream"),
    (b"FLV\x01", "FLV"),
    (b".RMF", "RealMedia"),
    (b".ra\xfd", "RealAudio"),
    (b"\x06\x0e\x2b\x34\x02\x05\x01\x01", "MXF"),
    (b"\x7f\xfe\x80\x01", "DTS"),
    (b"\xfe\x7f\x01\x80", "DTS"),
    (b"\x1f\xff\xe8\x00", "DTS"),
    (b"\xff\x1f\x00\xe8", "DTS"),
    (b"____\xf8\x72\x6f\xba", "TrueHD"),
    (b"____\xf8\x72\x6f\xbb", "MLP"),
    (b"wvpk", "WavPack"),
    (b"MAC ", "Monkey's Audio"),
    (b"TTA1", "True Audio"),
    (b"MPCK", "Musepack"),
    (b"MP+", "Musepack"),
    (b"tBaK", "TAK"),
    (b"nut/multimedia", "NUT"),
    (b"Creative Voice File\x1a", "VOC"),
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
    if synced::is_transport_stream(magic) {
        return Some("an MPEG transport stream");
    }
    let synced = || SyncedFrame::confirmed(magic).filter(|frame| !frame.is_decoded).map(|frame| frame.format);
    name_of(magic, &FORMATS).or_else(synced)
}

/// Magic bytes of the formats read by decoders other than WAV's.
const COMPRESSED: [(&[u8], &str); 7] = [
    (ID3, "mp3"),
    (b"fLaC", "FLAC"),
    (b"OggS", "Ogg"),
    (b"____ftyp", "MP4"),
    (b"\x1a\x45\xdf\xa3", "Matroska"),
    (b"FORM____AIF", "AIFF"),
    (b"caff", "CAF"),
];

/// A tag before mp3 or FLAC, but also one after any other recording.
const ID3: &[u8] = b"ID3";

/// Magic bytes of files without sound, which would be read as raw samples if sent as a stream by mistake. Each is so
/// long that samples hardly ever begin with it.
const NOT_SOUND: [&[u8]; 19] = [
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff\xe0__JFIF",
    b"\xff\xd8\xff\xe1__Exif",
    b"GIF89a",
    b"II*\0",
    b"MM\0*",
    b"%PDF-1.",
    b"PK\x03\x04",
    b"\x1f\x8b\x08\x00",
    b"\x1f\x8b\x08\x08",
    b"BZh_1AY&SY",
    b"\xfd7zXZ\0",
    b"\x28\xb5\x2f\xfd",
    b"7z\xbc\xaf\x27\x1c",
    b"\x7fELF",
    b"SQLite format 3",
    // WebP, and a WAV file that ends within its first 12 bytes.
    b"RIFF",
    b"RIFX",
    b"RF64",
];

/// Whether `magic`, the first [`MAGIC_LEN`] bytes of a stream or all of them, begins a file that is not sound.
pub(super) fn is_not_sound(magic: &[u8]) -> bool {
    NOT_SOUND.iter().any(|beginning| matches(magic, beginning)) || is_text(&magic[..magic.len().min(MAGIC_LEN)])
}

/// Whether `bytes` are printable UTF-8; the last character may be incomplete.
fn is_text(bytes: &[u8]) -> bool {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return false,
    };
    let is_printable = |character: char| !character.is_control() || matches!(character, '\t' | '\n' | '\r');
    !text.is_empty() && text.chars().all(is_printable)
}

/// Number of bytes that [`is_compressed`] and [`format_name`] need to be certain about a stream that begins with
/// `magic`; `None` if `magic` is enough.
pub(super) fn frame_to_confirm(magic: &[u8]) -> Option<usize> {
    synced::needed(magic)
}

/// Whether a stream begins like a file for the compressed formats' decoders, and not with raw samples.
pub(super) fn is_compressed(magic: &[u8]) -> bool {
    // By chance raw samples may look like the beginning of one frame, but hardly like two at the right distance.
    name_of(magic, &COMPRESSED).is_some() || SyncedFrame::confirmed(magic).is_some_and(|frame| frame.is_decoded)
}

/// Whether a container of the compressed formats begins with `bytes`.
pub(super) fn is_container(bytes: &[u8]) -> bool {
    COMPRESSED.iter().any(|(beginning, _)| *beginning != ID3 && matches(bytes, beginning))
}

fn name_of(bytes: &[u8], names: &[(&[u8], &'static str)]) -> Option<&'static str> {
    names.iter().find(|(beginning, _)| matches(bytes, beginning)).map(|(_, name)| *name)
}

/// Whether `bytes` begin with `beginning`, in which `_` matches any byte.
fn matches(bytes: &[u8], beginning: &[u8]) -> bool {
    bytes.len() >= beginning.len()
        && beginning.iter().zip(bytes).all(|(expected, byte)| *expected == b'_' || expected == byte)
}
