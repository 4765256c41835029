//! EXIF and XMP of a PNG file, in any position and form; the decoder reads only what precedes the pixels.

use std::io::{self, Read, Seek, SeekFrom};

use flate2::read::ZlibDecoder;

/// Maximum length of metadata, compressed and uncompressed: Pillow's limit for text.
const LONGEST: u64 = 1 << 20;

/// ImageMagick's key for an EXIF block in a text chunk.
const RAW_EXIF: &[u8] = b"Raw profile type exif";
const XMP: &[u8] = b"XML:com.adobe.xmp";

/// Metadata that may contain the picture's orientation.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct PngMetadata {
    pub exif: Option<Vec<u8>>,
    pub xmp: Option<Vec<u8>>,
}

/// Reads the metadata of a PNG file; the reader is at its start. Damaged parts are skipped.
pub(super) fn read(source: &mut (impl Read + Seek)) -> io::Result<PngMetadata> {
    let mut found = PngMetadata::default();
    let mut raw = None;
    source.seek(SeekFrom::Start(8))?;
    loop {
        let mut head = [0; 8];
        match source.read_exact(&mut head) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
            outcome => outcome?,
        }
        let [a, b, c, d, kind @ ..] = head;
        let length = u64::from(u32::from_be_bytes([a, b, c, d]));
        match &kind {
            b"IEND" => break,
            b"eXIf" | b"tEXt" | b"zTXt" | b"iTXt" if length <= LONGEST => {
                let mut content = vec![0; length as usize];
                match source.read_exact(&mut content) {
                    Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => break,
                    outcome => outcome?,
                }
                if &kind == b"eXIf" {
                    found.exif = Some(content);
                } else if let Some((key, text)) = text(kind, &content) {
                    match key {
                        RAW_EXIF => raw = from_hex(&text),
                        XMP => found.xmp = Some(text),
                        _ => {}
                    }
                }
                source.seek_relative(4)?;
            }
            // Skips the checksum too.
            _ => source.seek_relative(length as i64 + 4)?,
        }
    }
    found.exif = found.exif.or(raw);
    Ok(found)
}

/// Key and text of a text chunk.
fn text(kind: [u8; 4], content: &[u8]) -> Option<(&[u8], Vec<u8>)> {
    let (key, rest) = until_zero(content)?;
    if key != RAW_EXIF && key != XMP {
        return None;
    }
    let text = match &kind {
        b"tEXt" => rest.to_vec(),
        // The compression method; there is only one.
        b"zTXt" => inflate(rest.strip_prefix(&[0])?)?,
        _ => {
            let (packed, rest) = rest.split_at_checked(2)?;
            let (_, rest) = until_zero(rest)?;
            let (_, rest) = until_zero(rest)?;
            if packed[0] == 0 { rest.to_vec() } else { inflate(rest)? }
        }
    };
    Some((key, text))
}

fn until_zero(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

fn inflate(packed: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    ZlibDecoder::new(packed).take(LONGEST).read_to_end(&mut text).ok()?;
    Some(text)
}

/// Decodes a raw profile: a line break, its name, its length, and hexadecimal digits in lines.
fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let digits = text.splitn(4, |byte| *byte == b'\n').nth(3)?;
    let digits: Vec<u8> = digits.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let pairs = digits.as_chunks::<2>().0.iter();
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use super::*;

    fn chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        [&(content.len() as u32).to_be_bytes()[..], kind, content, &[0; 4]].concat()
    }

    fn metadata(chunks: &[Vec<u8>]) -> PngMetadata {
        let file = [&b"\x89PNG\r\n\x1a\n"[..], &chunks.concat()].concat();
        read(&mut Cursor::new(file)).unwrap()
    }

    fn deflate(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn finds_every_form_also_after_the_pixels() {
        let hex = b"\nexif\n       4\n4949\n2a00\n";
        let packed = [&b"Raw profile type exif\0\0"[..], &deflate(hex)].concat();
        let plain = [&b"Raw profile type exif\0"[..], hex].concat();
        for raw in [chunk(b"zTXt", &packed), chunk(b"tEXt", &plain)] {
            let found = metadata(&[chunk(b"IDAT", b"pixels"), raw, chunk(b"IEND", b"")]);
            assert_eq!(found, PngMetadata { exif: Some(b"II*\0".to_vec()), xmp: None });
        }
        let late = metadata(&[chunk(b"IDAT", b""), chunk(b"eXIf", b"MM"), chunk(b"IEND", b""), chunk(b"eXIf", b"no")]);
        assert_eq!(late.exif.unwrap(), b"MM");
        let text = [&b"XML:com.adobe.xmp\0\x01\0\0\0"[..], &deflate(b"<x/>")].concat();
        assert_eq!(metadata(&[chunk(b"iTXt", &text)]).xmp.unwrap(), b"<x/>");
        assert_eq!(metadata(&[chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0en\0k\0<y/>")]).xmp.unwrap(), b"<y/>");
    }

    #[test]
    fn damaged_and_endless_texts_are_left_out() {
        let bomb = [&b"XML:com.adobe.xmp\0\0"[..], &deflate(&vec![b'x'; 4 << 20])].concat();
        assert!(metadata(&[chunk(b"zTXt", &bomb)]).xmp.unwrap().len() as u64 == LONGEST);
        for content in [&b""[..], b"XML:com.adobe.xmp", b"XML:com.adobe.xmp\0", b"XML:com.adobe.xmp\0\x01\0\0\0junk"] {
            assert_eq!(metadata(&[chunk(b"iTXt", content), chunk(b"zTXt", content)]), PngMetadata::default());
        }
        assert_eq!(metadata(&[chunk(b"tEXt", b"Raw profile type exif\0\nexif\n 1\nzz")]), PngMetadata::default());
        assert_eq!(metadata(&[b"\xff\xff\xff\xffeXIf".to_vec()]), PngMetadata::default());
    }
}
