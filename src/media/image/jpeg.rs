//! Truncated JPEG files: the decoder silently fills the missing part with grey.

use std::io::{self, BufRead, Cursor, Read};

use ::image::codecs::jpeg::JpegDecoder;
use ::image::{DynamicImage, ImageDecoder};

use super::decode::{MAX_DECODER_BYTES, guard};
use super::wording::describe;

const MARKER: u8 = 0xff;
const END_OF_IMAGE: u8 = 0xd9;

/// Number of padding bytes after a file without end marker: more than any block of pixels needs.
const PADDING: usize = 512;

/// Whether the image's end marker is present. The reader is at the file's start.
///
/// Walks the markers (ITU-T T.81, annex B), because a thumbnail inside the metadata has an end marker too.
pub(super) fn is_complete(reader: &mut impl BufRead) -> io::Result<bool> {
    loop {
        // Both between segments and inside scans, advance to the next marker.
        let Some(marker) = next_marker(reader)? else {
            return Ok(false);
        };
        match marker {
            END_OF_IMAGE => return Ok(true),
            // No segment follows these: a stuffed zero, TEM, restarts, the start of the image.
            0x00 | 0x01 | 0xd0..=0xd8 => {}
            _ => {
                let mut length = [0; 2];
                if reader.read(&mut length[..1])? + reader.read(&mut length[1..])? < 2 {
                    return Ok(false);
                }
                // The length counts itself. A scan's data follows its segment.
                let rest = u64::from(u16::from_be_bytes(length)).saturating_sub(2);
                if io::copy(&mut reader.take(rest), &mut io::sink())? < rest {
                    return Ok(false);
                }
            }
        }
    }
}

/// Whether the image is coded in several scans, whose coefficients must all be kept. The reader is at the file's start.
pub(super) fn is_progressive(reader: &mut impl BufRead) -> io::Result<bool> {
    while let Some(marker) = next_marker(reader)? {
        match marker {
            // The frame header: SOF2 and its relatives are progressive.
            0xc2 | 0xc6 | 0xca | 0xce => return Ok(true),
            0xc0 | 0xc1 | 0xc3 | 0xc5 | 0xc7 | 0xc9 | 0xcb | 0xcd | 0xcf => return Ok(false),
            0x00 | 0x01 | 0xd0..=0xd9 => {}
            _ => {
                let mut length = [0; 2];
                if reader.read(&mut length[..1])? + reader.read(&mut length[1..])? < 2 {
                    return Ok(false);
                }
                let rest = u64::from(u16::from_be_bytes(length)).saturating_sub(2);
                io::copy(&mut reader.take(rest), &mut io::sink())?;
            }
        }
    }
    Ok(false)
}

/// Adds the end marker to a file that lacks only that; `None` if pixels are missing too.
///
/// The test: a complete picture decodes to the same pixels with two different paddings after its last byte, because the
/// padding is not read.
pub(super) fn with_end(mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    while bytes.last() == Some(&MARKER) {
        bytes.pop();
    }
    let ended = |padding: u8| [&bytes[..], &[padding; PADDING], &[MARKER, END_OF_IMAGE]].concat();
    let pixels = |padding: u8| {
        let decoder = guard(|| JpegDecoder::new(Cursor::new(ended(padding))).map_err(describe)).ok()?;
        let small = decoder.total_bytes() <= MAX_DECODER_BYTES;
        guard(|| DynamicImage::from_decoder(decoder).map_err(describe)).ok().filter(|_| small)
    };
    let (zeros, others) = (pixels(0)?, pixels(0x5a)?);
    (zeros == others).then(|| ended(0))
}

/// Reads up to the byte after the next 0xFF (and its fill bytes).
fn next_marker(reader: &mut impl BufRead) -> io::Result<Option<u8>> {
    reader.skip_until(MARKER)?;
    let mut byte = [MARKER];
    while byte[0] == MARKER {
        if reader.read(&mut byte)? == 0 {
            return Ok(None);
        }
    }
    Ok(Some(byte[0]))
}
