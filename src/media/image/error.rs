use std::io;

use super::super::FileError;
use super::MAX_PIXELS;

/// An image file that cannot be decoded.
///
/// Each text is complete in one line (`source` is therefore not chained) and leaves out the path, which the caller has.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// The file cannot be read, whatever is in it.
    #[error(transparent)]
    File(#[from] FileError),

    /// No known image format was found in the file's content.
    #[error(
        "is not an image in a known format (png, jpeg, webp, gif, bmp, tiff, tga, ico, pnm, qoi, hdr, exr, dds, ff)"
    )]
    UnknownFormat,

    /// The format is known, but it, or a feature of it, is not supported.
    #[error("{format} is not supported: convert the image, for example with `ffmpeg -i INPUT output.png`")]
    Unsupported {
        /// The format, or the feature of it, by name.
        format: String,
    },

    /// The image has more than [`MAX_PIXELS`] pixels. Nothing was allocated for it.
    #[error(
        "claims {width} x {height} pixels, more than the limit of {} million: scale it down first",
        MAX_PIXELS / 1_000_000
    )]
    TooLarge {
        /// Columns, from the file's header.
        width: u32,
        /// Rows, from the file's header.
        height: u32,
    },

    /// The image has no columns or no rows. Some decoders accept this.
    #[error("has no pixels: it claims {width} x {height}")]
    NoPixels {
        /// Columns, from the file's header.
        width: u32,
        /// Rows, from the file's header.
        height: u32,
    },

    /// Decoding needs more memory than one image may use.
    #[error("needs more memory than one image may use: {0}")]
    TooMuchMemory(String),

    /// The image does not fit into the memory that is left for it. Nothing was allocated for it.
    #[error(
        "has {width} x {height} pixels, which need {} MiB to decode; the memory budget leaves {}: scale it down first, or \
         raise `runtime.memory_budget`",
        needed.div_ceil(1 << 20), granted >> 20
    )]
    OverBudget {
        /// Columns, from the file's header.
        width: u32,
        /// Rows, from the file's header.
        height: u32,
        /// Number of bytes that decoding needs.
        needed: u64,
        /// Available bytes.
        granted: u64,
    },

    /// The file ends before the image does.
    #[error("is cut off")]
    CutOff,

    /// The file is invalid in its format.
    #[error("is damaged: {0}")]
    Malformed(String),
}

impl From<io::Error> for ImageError {
    fn from(error: io::Error) -> Self {
        Self::File(FileError::Io(error))
    }
}
