//! Files of every format to RGB.

use std::io::{BufRead, BufReader, ErrorKind, Seek};
use std::path::Path;

use ::image::error::{LimitErrorKind, UnsupportedErrorKind};
use ::image::metadata::Orientation;
use ::image::{
    ColorType, DynamicImage, ImageBuffer, ImageDecoder, ImageFormat, ImageReader, Limits, Pixel, Rgb, RgbImage,
};

use super::super::file;
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
/// animation or a file of several pages, the first picture is taken. Colours come about as in the image processors of
/// Hugging Face's transformers 5: what is transparent lies on white, grey is repeated, a palette is looked up, of
/// 16-bit samples the upper 8 bits are kept (also of grey ones, which Pillow clips at 255 instead). Floating-point
/// samples (HDR, OpenEXR) are clipped to [0, 1].
///
/// # Errors
/// [`ImageError`], one line: an unreadable file, no known format, a damaged or cut-off file, or more than
/// [`MAX_PIXELS`] pixels, which is told from the header before anything is allocated.
pub fn load(path: &Path) -> Result<RgbImage, ImageError> {
    load_within(path, &mut |_| u64::MAX)
}

/// As [`load`], in bounded memory: before anything is allocated, `grant` is told how many bytes decoding takes at most, and
/// returns how many it may take.
///
/// # Errors
/// As [`load`], and [`ImageError::OverBudget`] for an image that needs more than is granted.
pub fn load_within(path: &Path, grant: &mut dyn FnMut(u64) -> u64) -> Result<RgbImage, ImageError> {
    let (file, _) = file::open(path)?;
    let mut file = BufReader::new(file);
    let format = format_of(file.fill_buf()?, path)?;
    if format == ImageFormat::Jpeg {
        if !jpeg::is_complete(&mut file)? {
            return Err(ImageError::CutOff);
        }
        file.rewind()?;
    }
    let progressive = format == ImageFormat::Jpeg && jpeg::is_progressive(&mut file)?;
    file.rewind()?;

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
    let needed = decoding_bytes(&decoder, format, progressive, orientation);
    let granted = grant(needed);
    if needed > granted {
        return Err(ImageError::OverBudget { width, height, needed, granted });
    }
    let image = DynamicImage::from_decoder(decoder).map_err(describe)?;

    let mut image = DynamicImage::ImageRgb8(to_rgb8(image));
    if let Some(orientation) = orientation {
        image.apply_orientation(orientation);
    }
    Ok(image.into_rgb8())
}

/// The most bytes that decoding holds at a time, estimated from the header.
fn decoding_bytes(
    decoder: &impl ImageDecoder,
    format: ImageFormat,
    progressive: bool,
    orientation: Option<Orientation>,
) -> u64 {
    let (width, height) = decoder.dimensions();
    let rgb = u64::from(width) * u64::from(height) * 3;
    let decoded = decoder.total_bytes();
    let working = match format {
        // All coefficients, as 16-bit integers, until the last scan.
        ImageFormat::Jpeg if progressive => decoded.saturating_mul(2),
        // Row by row, straight into the image.
        ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::Bmp | ImageFormat::Pnm | ImageFormat::Tga => 0,
        // A frame, planes or strips of their own.
        _ => decoded,
    };
    let converting = if decoder.color_type() == ColorType::Rgb8 { 0 } else { rgb };
    let turning = if orientation.is_some_and(|it| it != Orientation::NoTransforms) { rgb } else { 0 };
    decoded.saturating_add(working.max(converting)).max(rgb.saturating_add(turning))
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
    // Pillow keeps the upper byte of 16 bits, where the crate would round.
    let upper = |sample: u16| (sample >> 8) as u8;
    match image {
        DynamicImage::ImageLuma16(image) => flatten(&image, upper),
        DynamicImage::ImageLumaA16(image) => flatten(&image, upper),
        DynamicImage::ImageRgb16(image) => flatten(&image, upper),
        DynamicImage::ImageRgba16(image) => flatten(&image, upper),
        image if image.color().has_alpha() => flatten(&image.into_rgba8(), |sample| sample),
        image => image.into_rgb8(),
    }
}

/// Brings samples to 8 bits and lays the image on white.
fn flatten<P: Pixel>(image: &ImageBuffer<P, Vec<P::Subpixel>>, to_u8: impl Fn(P::Subpixel) -> u8) -> RgbImage {
    RgbImage::from_fn(image.width(), image.height(), |x, y| {
        let [r, g, b, alpha] = image.get_pixel(x, y).to_rgba().0.map(&to_u8);
        Rgb([r, g, b].map(|sample| on_white(sample, alpha)))
    })
}

/// A sample on white, rounded as Pillow's `alpha_composite` rounds.
fn on_white(sample: u8, alpha: u8) -> u8 {
    let (sample, alpha) = (u32::from(sample), u32::from(alpha));
    let sum = ((alpha * sample + (255 - alpha) * 255) << 7) + (0x80 << 7);
    (((sum >> 8) + sum) >> 15) as u8
}

fn unsupported(format: &str) -> ImageError {
    ImageError::Unsupported { format: format.into() }
}

fn describe(error: ::image::ImageError) -> ImageError {
    use ::image::ImageError as Cause;
    match error {
        Cause::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => ImageError::CutOff,
        Cause::IoError(error) if error.raw_os_error().is_some() => error.into(),
        // Decoders wrap their own complaints in such errors.
        Cause::IoError(error) => ImageError::Malformed(one_line(&error)),
        Cause::Limits(error) => match error.kind() {
            LimitErrorKind::InsufficientMemory => {
                ImageError::TooMuchMemory(format!("over {} MiB", MAX_DECODER_BYTES >> 20))
            }
            _ => ImageError::TooMuchMemory(one_line(&error)),
        },
        Cause::Unsupported(error) => {
            let format = error.format_hint();
            unsupported(&match error.kind() {
                UnsupportedErrorKind::Color(colour) => {
                    format!("colour type {colour:?} in {format}")
                }
                UnsupportedErrorKind::GenericFeature(feature) => format!("{feature} in {format}"),
                _ => format!("this kind of {format}"),
            })
        }
        other => ImageError::Malformed(one_line(&other)),
    }
}

/// Some decoders break their text into lines.
fn one_line(error: &dyn std::fmt::Display) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
