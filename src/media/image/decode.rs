//! Decodes files of every format to RGB.

use std::io::{BufRead, BufReader, Cursor, Read, Seek};
use std::path::Path;

use ::image::metadata::Orientation;
use ::image::{
    ColorType, DynamicImage, ImageBuffer, ImageDecoder, ImageFormat, ImageReader, Limits, Pixel, Rgb, RgbImage,
};

use super::super::file;
use super::orientation::orientation;
use super::png_metadata::{self, PngMetadata};
use super::wording::describe;
use super::{ImageError, bmp, ico, jpeg, png_repair, tiff};
use crate::support::guard::caught;

/// Called with a number of bytes; returns how many of them may be allocated.
pub(super) type Grant<'a> = dyn FnMut(u64) -> u64 + 'a;

/// Maximum number of pixels of an image: 100 million, which are 300 MB as RGB.
pub const MAX_PIXELS: u64 = 100_000_000;

/// Maximum number of bytes that a decoder may allocate (if it keeps count).
pub(super) const MAX_DECODER_BYTES: u64 = 512 << 20;

/// Number of bytes that identify a format: the brand of an ISO media file (AVIF, HEIC) ends at the twelfth.
const MAGIC_LEN: usize = 12;

const TGA_EXTENSIONS: &[&str] = &["tga", "icb", "vda", "vst"];

/// [`load_with_warnings`], without the warnings.
///
/// # Errors
/// As [`load_with_warnings`].
pub fn load(path: &Path) -> Result<RgbImage, ImageError> {
    load_with_warnings(path, &mut Vec::new())
}

/// Decodes an image file to 8-bit RGB, rotated according to its EXIF or XMP orientation. Repairs and guesses are added
/// to `warnings`, one line each without the path.
///
/// The format is recognised by the file's content; only TGA, which has no magic bytes, by the file's name. Of an
/// animation or a file of several pages, the first picture is used. Colours are converted as in the image processors of
/// Hugging Face's transformers 5: transparent pixels are blended onto white, grey is repeated, palettes are looked up,
/// of 16-bit samples the upper 8 bits are kept (also of grey ones, which Pillow clips at 255 instead). Floating-point
/// samples (HDR, OpenEXR) are clipped to [0, 1]; those of TIFF files with larger values are interpreted as 0 to 255. A
/// JPEG file without its end marker is accepted if it has all of its pixels.
///
/// # Errors
/// [`ImageError`], one line: an unreadable file, no known format, a damaged or cut-off file, or more than
/// [`MAX_PIXELS`] pixels, which is known from the header before anything is allocated.
pub fn load_with_warnings(path: &Path, warnings: &mut Vec<String>) -> Result<RgbImage, ImageError> {
    load_within(path, warnings, &mut |_| u64::MAX)
}

/// As [`load_with_warnings`], in bounded memory: before the pixels are allocated, `grant` is called with the maximum
/// number of bytes that decoding needs, and returns how many it may use.
///
/// # Errors
/// As [`load_with_warnings`], and [`ImageError::OverBudget`] for an image that needs more than is granted.
pub fn load_within(path: &Path, warnings: &mut Vec<String>, grant: &mut Grant) -> Result<RgbImage, ImageError> {
    let (file, length) = file::open(path)?;
    load_from(BufReader::new(file), length, path, warnings, grant)
}

/// As [`load_within`], for the bytes of a file. TGA is not recognised.
///
/// # Errors
/// As [`load_within`].
pub fn load_bytes_within(bytes: &[u8], warnings: &mut Vec<String>, grant: &mut Grant) -> Result<RgbImage, ImageError> {
    if bytes.is_empty() {
        return Err(file::FileError::Empty.into());
    }
    load_from(Cursor::new(bytes), bytes.len() as u64, Path::new(""), warnings, grant)
}

fn load_from(
    mut file: impl BufRead + Seek,
    length: u64,
    path: &Path,
    warnings: &mut Vec<String>,
    grant: &mut Grant,
) -> Result<RgbImage, ImageError> {
    let format = format_of(file.fill_buf()?, path)?;
    match format {
        ImageFormat::Jpeg => {
            let progressive = jpeg::is_progressive(&mut file)?;
            file.rewind()?;
            let complete = jpeg::is_complete(&mut file)?;
            file.rewind()?;
            let grant: &mut Grant = &mut |needed| grant(if progressive { needed.saturating_mul(3) } else { needed });
            if complete {
                return decode(file, format, grant);
            }
            let bytes = whole(file, length)?;
            check_header(&bytes, format, grant)?;
            let ended = jpeg::with_end(bytes).ok_or(ImageError::CutOff)?;
            warnings.push("it has no end marker, but all of its pixels".to_string());
            decode(Cursor::new(ended), format, grant)
        }
        ImageFormat::Tiff => {
            let mut bytes = whole(file, length)?;
            let xmp = tiff::xmp(&bytes);
            let special = tiff::decode(&mut bytes, warnings, grant)?;
            decode_or(special, xmp, Cursor::new(bytes), format, grant)
        }
        ImageFormat::Png => match decode(&mut file, format, grant) {
            Err(error @ (ImageError::Malformed(_) | ImageError::CutOff)) => {
                file.rewind()?;
                let Some((bytes, damage)) = png_repair::repaired(whole(file, length)?) else { return Err(error) };
                let image = decode(Cursor::new(bytes), format, grant).map_err(|_| error)?;
                warnings.push(damage.to_string());
                Ok(image)
            }
            outcome => outcome,
        },
        ImageFormat::Ico => match decode(&mut file, format, grant) {
            Err(error @ (ImageError::Malformed(_) | ImageError::Unsupported { .. })) => {
                file.rewind()?;
                let bytes = whole(file, length)?;
                let Some(picture) = ico::embedded_png(&bytes) else { return Err(error) };
                decode(Cursor::new(picture), ImageFormat::Png, grant)
            }
            outcome => outcome,
        },
        ImageFormat::Bmp => {
            if let Some((width, height)) = bmp::size(file.fill_buf()?) {
                check_size(width, height)?;
            }
            decode(file, format, grant)
        }
        format => decode(file, format, grant),
    }
}

/// The content of a file that is no larger than what a decoder may allocate.
fn whole(file: impl Read, length: u64) -> Result<Vec<u8>, ImageError> {
    if length > MAX_DECODER_BYTES {
        return Err(ImageError::TooMuchMemory(format!("the file has {length} bytes")));
    }
    let mut bytes = Vec::new();
    file.take(MAX_DECODER_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Runs third-party decoders, which panic on some damaged files, such as a PNG file whose palette has half a colour. To users
/// this is damage like any other. Our own code stays outside: its panics are faults of the program.
pub(super) fn guard<T>(decode: impl FnOnce() -> Result<T, ImageError>) -> Result<T, ImageError> {
    caught(decode).unwrap_or_else(|| Err(ImageError::Malformed("its decoder failed".to_string())))
}

fn check_header(bytes: &[u8], format: ImageFormat, grant: &mut Grant) -> Result<(), ImageError> {
    let decoder = guard(|| ImageReader::with_format(Cursor::new(bytes), format).into_decoder().map_err(describe));
    // A file that ends within its header is cut off, whatever the decoder reports.
    let decoder = decoder.map_err(|_| ImageError::CutOff)?;
    let (width, height) = decoder.dimensions();
    check_size(width, height)?;
    // Two decoded copies are compared.
    check_granted(grant, width, height, decoder.total_bytes().saturating_mul(2))
}

pub(super) fn check_size(width: u32, height: u32) -> Result<(), ImageError> {
    match u64::from(width) * u64::from(height) {
        0 => Err(ImageError::NoPixels { width, height }),
        pixels if pixels > MAX_PIXELS => Err(ImageError::TooLarge { width, height }),
        _ => Ok(()),
    }
}

/// Requests the maximum number of bytes that decoding needs.
pub(super) fn check_granted(grant: &mut Grant, width: u32, height: u32, needed: u64) -> Result<(), ImageError> {
    let granted = grant(needed);
    match needed > granted {
        true => Err(ImageError::OverBudget { width, height, needed, granted }),
        false => Ok(()),
    }
}

fn decode(source: impl BufRead + Seek, format: ImageFormat, grant: &mut Grant) -> Result<RgbImage, ImageError> {
    decode_or(None, None, source, format, grant)
}

/// Decodes `source`, or uses the pixels that were `decoded` otherwise, and rotates them upright; `xmp` is a TIFF
/// file's.
fn decode_or(
    decoded: Option<RgbImage>,
    xmp: Option<Vec<u8>>,
    mut source: impl BufRead + Seek,
    format: ImageFormat,
    grant: &mut Grant,
) -> Result<RgbImage, ImageError> {
    let mut metadata = PngMetadata::default();
    if format == ImageFormat::Png {
        metadata = png_metadata::read(&mut source)?;
        source.rewind()?;
    }
    let mut reader = ImageReader::with_format(source, format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    reader.limits(limits);
    let mut decoder = match (guard(|| reader.into_decoder().map_err(describe)), &decoded) {
        (Ok(decoder), _) => decoder,
        // Its pixels are complete; only the orientation is missing.
        (Err(_), Some(_)) => return decoded.ok_or(ImageError::UnknownFormat),
        (Err(error), None) => return Err(error),
    };
    let (width, height) = decoder.dimensions();
    check_size(width, height)?;
    // An unreadable orientation is ignored.
    let orientation = match format {
        ImageFormat::Png => orientation(metadata.exif.as_deref(), metadata.xmp.as_deref()),
        ImageFormat::Tiff => match decoder.orientation() {
            Ok(turned) if turned != Orientation::NoTransforms => Some(turned),
            _ => orientation(None, xmp.as_deref()),
        },
        _ => {
            let exif = decoder.exif_metadata().ok().flatten();
            orientation(exif.as_deref(), decoder.xmp_metadata().ok().flatten().as_deref())
        }
    };
    let image = match decoded {
        Some(image) => image,
        None => {
            check_granted(grant, width, height, decoding_bytes(&decoder, format, orientation))?;
            if decoder.total_bytes() > MAX_DECODER_BYTES {
                return Err(ImageError::TooMuchMemory(format!("{} bytes", decoder.total_bytes())));
            }
            to_rgb8(guard(|| DynamicImage::from_decoder(decoder).map_err(describe))?)
        }
    };
    let mut image = DynamicImage::ImageRgb8(image);
    if let Some(orientation) = orientation {
        image.apply_orientation(orientation);
    }
    Ok(image.into_rgb8())
}

/// Maximum number of bytes that decoding needs at a time, estimated from the header.
fn decoding_bytes(decoder: &impl ImageDecoder, format: ImageFormat, orientation: Option<Orientation>) -> u64 {
    let (width, height) = decoder.dimensions();
    let rgb = u64::from(width) * u64::from(height) * 3;
    let decoded = decoder.total_bytes();
    let working = match format {
        // Row by row, directly into the image.
        ImageFormat::Jpeg | ImageFormat::Png | ImageFormat::Bmp | ImageFormat::Pnm | ImageFormat::Tga => 0,
        // Buffers for a frame, planes or strips.
        _ => decoded,
    };
    let converting = if decoder.color_type() == ColorType::Rgb8 { 0 } else { rgb };
    let turning = if orientation.is_some_and(|it| it != Orientation::NoTransforms) { rgb } else { 0 };
    decoded.saturating_add(working.max(converting)).max(rgb.saturating_add(turning))
}

fn format_of(start: &[u8], path: &Path) -> Result<ImageFormat, ImageError> {
    if tiff::is_big(start) {
        return Ok(ImageFormat::Tiff);
    }
    if let Ok(format) = ::image::guess_format(start) {
        return match format {
            ImageFormat::Avif => Err(unsupported("AVIF")),
            format => Ok(format),
        };
    }
    if let Some(format) = known(start) {
        return Err(unsupported(format));
    }
    match path.extension().map(|extension| extension.to_ascii_lowercase()) {
        Some(extension) if TGA_EXTENSIONS.iter().any(|known| extension == **known) => Ok(ImageFormat::Tga),
        _ => Err(ImageError::UnknownFormat),
    }
}

/// The name of a format that is recognised but not supported.
fn known(start: &[u8]) -> Option<&'static str> {
    if start.starts_with(b"\0\0\0\x0cJXL ") || start.starts_with(b"\xff\x0a") {
        return Some("JPEG XL");
    }
    if start.starts_with(b"\0\0\0\x0cjP  ") || start.starts_with(b"\xff\x4f\xff\x51") {
        return Some("JPEG 2000");
    }
    // The brands of HEIF files, ISO/IEC 23008-12.
    let brand = start.get(..MAGIC_LEN)?.strip_prefix(&[0, 0])?.get(2..)?.strip_prefix(b"ftyp")?;
    match brand {
        b"avif" | b"avis" => Some("AVIF"),
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"mif2" | b"msf1" => Some("HEIC"),
        _ => None,
    }
}

fn to_rgb8(image: DynamicImage) -> RgbImage {
    // Pillow keeps the upper byte of 16 bits; the crate would round.
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

/// Converts samples to 8 bits and blends the image onto white.
fn flatten<P: Pixel>(image: &ImageBuffer<P, Vec<P::Subpixel>>, to_u8: impl Fn(P::Subpixel) -> u8) -> RgbImage {
    RgbImage::from_fn(image.width(), image.height(), |x, y| {
        let [r, g, b, alpha] = image.get_pixel(x, y).to_rgba().0.map(&to_u8);
        Rgb([r, g, b].map(|sample| on_white(sample, alpha)))
    })
}

/// A sample blended onto white, rounded as in Pillow's `alpha_composite`.
pub(super) fn on_white(sample: u8, alpha: u8) -> u8 {
    let (sample, alpha) = (u32::from(sample), u32::from(alpha));
    let sum = ((alpha * sample + (255 - alpha) * 255) << 7) + (0x80 << 7);
    (((sum >> 8) + sum) >> 15) as u8
}

fn unsupported(format: &str) -> ImageError {
    ImageError::Unsupported { format: format.into() }
}
