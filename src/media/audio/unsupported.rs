//! Names for what cannot be decoded, so that the error can say what the file is.

/// How many bytes [`format_name`] looks at: the first page of an ogg file with the beginning of its first packet.
pub(super) const MAGIC_LEN: usize = 64;

/// Beginnings of files, `_` standing for any byte.
const FORMATS: [(&[u8], &str); 8] = [
    (b"\x1a\x45\xdf\xa3", "Matroska (mkv, webm)"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Windows Media (asf, wma)"),
    (b"#!AMR", "AMR"),
    (b"FORM____AIF", "AIFF"),
    (b"caff", "CAF"),
    (b"RIFX", "big-endian WAV"),
    (b"riff\x2e\x91\xcf\x11", "Wave64"),
    (b".snd", "AU"),
];

/// First packets of ogg streams.
const OGG_CODECS: [(&[u8], &str); 3] = [(b"OpusHead", "Opus"), (b"Speex   ", "Speex"), (b"\x80theora", "Theora video")];

/// The name of the format or codec of a file that begins with `magic`, where it is a known one without a decoder here.
pub(super) fn format_name(magic: &[u8]) -> Option<&'static str> {
    if magic.starts_with(b"OggS") {
        // A page's header is 27 bytes, the last of which counts the lengths that follow (RFC 3533).
        let packet = 27 + usize::from(*magic.get(26)?);
        return name_of(magic.get(packet..)?, &OGG_CODECS);
    }
    name_of(magic, &FORMATS)
}

fn name_of(bytes: &[u8], names: &[(&[u8], &'static str)]) -> Option<&'static str> {
    names
        .iter()
        .find(|(beginning, _)| {
            bytes.len() >= beginning.len()
                && beginning.iter().zip(bytes).all(|(expected, byte)| *expected == b'_' || expected == byte)
        })
        .map(|(_, name)| *name)
}
