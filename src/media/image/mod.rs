//! Image files to 8-bit RGB, and RGB to the normalised tensor that vision models take.
//!
//! | module | what it does |
//! |---|---|
//! | `decode` | files of every format to RGB, upright, within a bounded size |
//! | `jpeg` | tells a JPEG file that was cut off from a whole one |
//! | `resize` | Pillow's resampling, to the bit |
//! | `normalise` | 8-bit RGB to the tensor |

mod decode;
mod error;
mod jpeg;
mod normalise;
mod resize;

pub use ::image::RgbImage;

pub use decode::{MAX_PIXELS, load, load_within};
pub use error::ImageError;
pub use normalise::{PixelConfig, pixel_values};
pub use resize::{Resample, resize};
