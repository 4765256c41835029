//! Pictures of every format.

use std::io::Cursor;
use std::path::Path;

use edgefuse::media::image;

use super::{accepted, scratch};

/// Larger pictures are decoded in the same way, and too slowly to try many.
const ENOUGH_PIXELS: u64 = 1 << 20;

pub(super) fn file(bytes: &[u8]) -> bool {
    // Recognised by its content, whatever its name.
    small(::image::ImageReader::new(Cursor::new(bytes)).with_guessed_format().ok())
        && scratch::with_file("picture", bytes, load)
}

/// The only format without a signature; it is recognised by file name.
pub(super) fn tga(bytes: &[u8]) -> bool {
    small(Some(::image::ImageReader::with_format(Cursor::new(bytes), ::image::ImageFormat::Tga)))
        && scratch::with_file("picture.tga", bytes, load)
}

/// Whether a picture is small enough to be decoded. One whose size cannot be read must be rejected.
fn small(reader: Option<::image::ImageReader<Cursor<&[u8]>>>) -> bool {
    let size = reader.and_then(|reader| reader.into_dimensions().ok());
    size.is_none_or(|(width, height)| u64::from(width) * u64::from(height) <= ENOUGH_PIXELS)
}

fn load(path: &Path) -> bool {
    let Some(picture) = accepted(image::load(path)) else { return false };
    assert!(picture.width() > 0 && picture.height() > 0, "an empty picture");
    true
}

/// An EXIF block up to the first 0xFF 0x00 0xFF, then an XMP packet; either may be missing.
pub(super) fn orientation(bytes: &[u8]) -> bool {
    const BOUNDARY: &[u8] = &[0xff, 0x00, 0xff];
    let boundary = bytes.windows(BOUNDARY.len()).position(|it| it == BOUNDARY);
    let (exif, xmp) = match boundary {
        Some(at) => (Some(&bytes[..at]), Some(&bytes[at + BOUNDARY.len()..])),
        None => (None, Some(bytes)),
    };
    let found = image::orientation(exif, xmp);
    let by_exif = image::orientation(exif, None);
    assert!(by_exif.is_none() || by_exif == found, "XMP overrules EXIF");
    found.is_some()
}
