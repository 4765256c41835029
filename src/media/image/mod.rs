//! Image files to 8-bit RGB, and RGB to the normalised tensor that vision models take.
//!
//! | module | role |
//! |---|---|
//! | `decode` | files of every format to RGB, upright, within a bounded size |
//! | `encode` | RGB to JPEG |
//! | `extensions` | file name extensions |
//! | `bmp`, `ico` | sizes and embedded pictures that their decoders do not read |
//! | `jpeg` | truncated JPEG files |
//! | `orientation`, `png_metadata` | the orientation of a picture |
//! | `png_repair` | damage in PNG files that does not affect the pixels |
//! | `tiff` | TIFF files that the general decoder does not read |
//! | `resize` | Pillow's resampling, bit for bit |
//! | `split` | large pictures to tiles |
//! | `normalise` | 8-bit RGB to the tensor |
//! | `wording` | texts of errors |

mod bmp;
mod decode;
mod encode;
mod error;
mod extensions;
mod ico;
mod jpeg;
mod normalise;
mod orientation;
mod png_metadata;
mod png_repair;
mod resize;
mod split;
mod tiff;
mod wording;

pub use ::image::RgbImage;

pub use decode::{MAX_PIXELS, load, load_bytes_within, load_with_warnings, load_within};
pub use encode::to_jpeg;
pub use error::ImageError;
pub use extensions::{EXTENSIONS, UNSUPPORTED_EXTENSIONS};
pub use normalise::{PixelConfig, Pixels, pixel_values, pixels};
pub use resize::{Resample, resize};

#[doc(hidden)] // Not part of the API: only `tests/fuzz` calls it directly.
pub use orientation::orientation;
