//! Frames of cameras and films.
//!
//! | module | role |
//! |---|---|
//! | `film` | frames of a film, with their times |
//! | `frame` | a frame as it was captured, decoded when it is needed |
//! | `pixels` | raw pixel formats to RGB and grey |
//! | `split` | a stream of JPEG or PNG files to its files |
//! | `thumbnail` | a small grey copy, and how much of it changed |

mod film;
mod frame;
mod pixels;
mod split;
mod thumbnail;

pub use film::{Film, FilmError, Moments};
pub use frame::Frame;
pub use pixels::{PixelFormat, RawPicture};
pub use split::{MAX_FILE, PictureFiles, SplitError};
pub use thumbnail::Thumbnail;
