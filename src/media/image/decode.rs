//! Files of every format to RGB.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Seek};
use std::path::Path;

use ::image::error::{LimitErrorKind, UnsupportedErrorKind};
use ::image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, RgbImage};

use super::{ImageError, jpeg};

/// The most pixels that an image may have: 100 million, which take 300 MB as RGB.
pub const MAX_PIXELS: u64 = 100_000_000;

/// The most bytes that a decoder may allocate (where it keeps count).
const MAX_DECODER_BYTES: u64 = 512 << 20;

/// Bytes that tell a format: the brand of an ISO media file (AVIF, HEIC) ends at the twelfth.
const MAGIC_LEN: usize = 12;

/// Decodes an image file to 8-bit RGB, upright as its EXIF orientation says.
///
/// The format is told by the file's content; only TGA, which has no mark of its own, by the file's name. Of an
/// animation or a file of several pages, the first picture is taken. As Pillow's `convert("RGB")` does: alpha is
/// dropped (not blended), grey is repeated, a palette is looked up, and of 16-bit samples the upper 8 bits are kept
/// (also for grey, where Pillow clips at 255 instead). Floating-point samples (HDR, OpenEXR) are clipped to [0, 1].
///
/// # Errors
/// [`ImageError`], one line: an unreadable file, no known format, a damaged or cut-off file, or more than
/// [`MAX_PIXELS`] pixels, which is told from the header before anything is allocated.
pub fn load(path: &Path) -> Result<RgbImage, ImageError> {
    let file = File::open(path).map_err(ImageError::Io)?;
    let metadata = file.metadata().map_err(ImageError::Io)?;
    if metadata.is_dir() {
        return Err(ImageError::Directory);
    }
    if !metadata.is_file() {
        return Err(ImageError::NotRegularFile);
    }
    if metadata.len() == 0 {
        return Err(ImageError::EmptyFile);
    }

    let mut file = BufReader::new(file);
    let format = format_of(file.fill_buf().map_err(ImageError::Io)?, path)?;
    if format == ImageFormat::Jpeg {
        if !jpeg::is_complete(&mut file).map_err(ImageError::Io)? {
            return Err(ImageError::CutOff);
        }
        file.rewind().map_err(ImageError::Io)?;
    }

    let mut reader = ImageReader::with_format(file, format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(describe)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(ImageError::TooLarge { width, height });
    }
    if decoder.total_bytes() > MAX_DECODER_BYTES {
        return Err(ImageError::TooMuchMemory(format!("{} bytes", decoder.total_bytes())));
    }
    // An orientation that cannot be read is none.
    let orientation = decoder.orientation().ok();
    let image = DynamicImage::from_decoder(decoder).map_err(describe)?;

    let mut image = DynamicImage::ImageRgb8(to_rgb8(image));
    if let Some(orientation) = orientation {
        image.apply_orientation(orientation);
    }
    Ok(image.into_rgb8())
}

fn format_of(start: &[u8], path: &Path) -> Result<ImageFormat, ImageError> {
    if let Ok(format) = ::image::guess_format(start) {
        return match format {
            ImageFormat::Avif => Err(unsupported("AVIF")),
            format => Ok(format),
        };
    }
    // The brands of HEIF files, ISO/IEC 23008-12.
    if let Some(brand) = start.get(..MAGIC_LEN).and_then(|start| start.strip_prefix(&[0, 0, 0]))
        && let Some(brand) = brand[1..].strip_prefix(b"ftyp")
        && matches!(brand, b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"mif1" | b"msf1")
    {
        return Err(unsupported("HEIC"));
    }
    match ImageFormat::from_path(path) {
        Ok(ImageFormat::Tga) => Ok(ImageFormat::Tga),
        _ => Err(ImageError::UnknownFormat),
    }
}

fn to_rgb8(image: DynamicImage) -> RgbImage {
    // The crate rounds 16 bits to the nearest of 8; Pillow keeps the upper byte.
    match image {
        DynamicImage::ImageLuma16(_)
        | DynamicImage::ImageLumaA16(_)
        | DynamicImage::ImageRgb16(_)
        | DynamicImage::ImageRgba16(_) => {
            let wide = image.into_rgb16();
            let (width, height) = wide.dimensions();
            RgbImage::from_fn(width, height, |x, y| {
                ::image::Rgb(wide.get_pixel(x, y).0.map(|sample| (sample >> 8) as u8))
            })
        }
        other => other.into_rgb8(),
    }
}

fn unsupported(format: &str) -> ImageError {
    ImageError::Unsupported { format: format.into() }
}

fn describe(error: ::image::ImageError) -> ImageError {
    use ::image::ImageError as Cause;
    match error {
        Cause::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => ImageError::CutOff,
        Cause::IoError(error) if error.raw_os_error().is_some() => ImageError::Io(error),
        // Decoders wrap their own complaints in such errors.
        Cause::IoError(error) => ImageError::Malformed(one_line(&error)),
        Cause::Limits(error) => match error.kind() {
            LimitErrorKind::InsufficientMemory => {
                ImageError::TooMuchMemory(format!("over {} MiB", MAX_DECODER_BYTES >> 20))
            }
            _ => ImageError::TooMuchMemory(one_line(&error)),
        },
        Cause::Unsupported(error) => match error.kind() {
            UnsupportedErrorKind::Format(_) => ImageError::UnknownFormat,
            _ => ImageError::Unsupported { format: one_line(&error) },
        },
        other => ImageError::Malformed(one_line(&other)),
    }
}

/// Some decoders break their text into lines.
fn one_line(error: &dyn std::fmt::Display) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
