//! A frame as it was captured, decoded when it is needed.

use super::pixels::RawPicture;
use super::thumbnail::Thumbnail;
use crate::media::image::{ImageError, RgbImage, load_bytes_within};

/// A frame as it was captured. Cameras produce many more frames than models look at, so a frame is decoded only when it
/// is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// The bytes of a picture file, such as JPEG.
    File(Vec<u8>),
    /// Pixels.
    Raw(RawPicture),
}

impl Frame {
    /// Bytes that the frame occupies.
    pub fn size(&self) -> usize {
        match self {
            Frame::File(bytes) => bytes.len(),
            Frame::Raw(picture) => picture.size(),
        }
    }

    /// The frame as 8-bit RGB.
    ///
    /// # Errors
    /// [`ImageError`] for the bytes of a file that cannot be decoded.
    pub fn to_rgb(&self) -> Result<RgbImage, ImageError> {
        match self {
            Frame::File(bytes) => load_bytes_within(bytes, &mut Vec::new(), &mut |_| u64::MAX),
            Frame::Raw(picture) => Ok(picture.to_rgb()),
        }
    }

    /// A small grey copy of the frame.
    ///
    /// # Errors
    /// As [`Frame::to_rgb`].
    pub fn thumbnail(&self) -> Result<Thumbnail, ImageError> {
        match self {
            Frame::File(_) => {
                // Green is most of the luminance, and differences of pictures are all that counts here.
                let image = self.to_rgb()?;
                let grey = |x, y| image.get_pixel(x, y).0[1];
                Ok(Thumbnail::sample(image.width(), image.height(), grey))
            }
            Frame::Raw(picture) => {
                Ok(Thumbnail::sample(picture.width(), picture.height(), |x, y| picture.luminance(x, y)))
            }
        }
    }
}
