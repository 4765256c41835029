//! Pictures as JPEG.

use super::RgbImage;
use image::codecs::jpeg::JpegEncoder;

/// Quality, from 1 to 100.
const QUALITY: u8 = 85;

/// The bytes of a JPEG file.
///
/// # Errors
/// One line; a picture with a side above 65535 pixels cannot be written.
pub fn to_jpeg(picture: &RgbImage) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, QUALITY);
    picture.write_with_encoder(encoder).map_err(|error| error.to_string())?;
    Ok(bytes)
}
