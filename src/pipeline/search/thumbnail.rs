//! Small pictures, for lists of results.

use image::codecs::jpeg::JpegEncoder;

use crate::error::Error;
use crate::media;
use crate::media::image::RgbImage;
use crate::pipeline::media::Picture;

/// Longest side in pixels.
const SIDE: u32 = 256;

/// Quality, from 1 to 100.
const QUALITY: u8 = 80;

/// Pixels of the largest picture of which a thumbnail is made when somebody asks for one.
const MOST_BYTES: u64 = 256 << 20;

/// A picture of at most 256 x 256 pixels, as JPEG.
///
/// # Errors
/// [`Error::Image`] for a picture that cannot be decoded.
pub fn thumbnail_of(picture: &Picture) -> Result<Vec<u8>, Error> {
    let grant: &mut dyn FnMut(u64) -> u64 = &mut |_| MOST_BYTES;
    let named = |source| Error::Image { path: picture.name().into(), source };
    let decoded = match picture {
        Picture::Pixels(image) => return encoded(image),
        Picture::File(path) => media::image::load_within(path, &mut Vec::new(), grant),
        Picture::Bytes(bytes) => media::image::load_bytes_within(bytes.as_slice(), &mut Vec::new(), grant),
    };
    encoded(&decoded.map_err(named)?)
}

fn encoded(image: &RgbImage) -> Result<Vec<u8>, Error> {
    let (width, height) = image.dimensions();
    let scale = f64::from(SIDE) / f64::from(width.max(height).max(1));
    let side = |pixels: u32| ((f64::from(pixels) * scale).round() as u32).clamp(1, SIDE);
    let small = match scale < 1.0 {
        true => image::imageops::thumbnail(image, side(width), side(height)),
        false => image.clone(),
    };
    let mut bytes = Vec::new();
    let written = small.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, QUALITY));
    written.map_err(|error| Error::Input { problem: format!("a thumbnail cannot be made: {error}") })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbnail_is_small_and_keeps_the_shape() {
        for (width, height, expected) in [(1000, 500, (256, 128)), (40, 30, (40, 30)), (1, 3000, (1, 256))] {
            let bytes = thumbnail_of(&Picture::Pixels(RgbImage::new(width, height).into())).unwrap();
            let picture = Picture::from_bytes(bytes);
            let Picture::Bytes(bytes) = &picture else { unreachable!() };
            let image = media::image::load_bytes_within(bytes.as_slice(), &mut Vec::new(), &mut |_| MOST_BYTES);
            assert_eq!(image.unwrap().dimensions(), expected);
        }
        assert!(thumbnail_of(&Picture::from_bytes(b"text".to_vec())).is_err());
    }
}
