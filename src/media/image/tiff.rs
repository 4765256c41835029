//! TIFF files that the general decoder does not read, or reads differently from Pillow: palettes, floating-point and
//! wide integer samples, grey with alpha, associated alpha.

use std::io::Cursor;
use std::num::NonZeroUsize;

use ::image::{RgbImage, Rgba, RgbaImage};
use ::tiff::ColorType;
use ::tiff::decoder::{Decoder, DecodingResult, DecodingSampleType, Limits};
use ::tiff::tags::Tag;

use super::ImageError;
use super::decode::{Grant, MAX_DECODER_BYTES, check_granted, check_size, guard, on_white};
use super::wording::describe_tiff as describe;

/// Values of tags.
const BLACK_IS_ZERO: u8 = 1;
const PALETTE: u16 = 3;
const XMP: u16 = 700;
const ASSOCIATED_ALPHA: u16 = 1;

type Reader<'a> = Decoder<Cursor<&'a [u8]>>;

/// Whether a file is a BigTIFF; the general decoder recognises only classic TIFF.
pub(super) fn is_big(start: &[u8]) -> bool {
    start.starts_with(b"II\x2b\0\x08\0\0\0") || start.starts_with(b"MM\0\x2b\0\x08\0\0")
}

/// Decodes the first picture of a file, not yet rotated; `None` if the general decoder reads it as Pillow does.
///
/// Integers beyond 8 and 16 bits are clipped at 255, as in Pillow. Floating-point samples of 0 to 1 range from black to
/// white; if there are larger ones, 0 to 255 does, with a line in `warnings`.
pub(super) fn decode(
    bytes: &mut [u8],
    warnings: &mut Vec<String>,
    grant: &mut Grant,
) -> Result<Option<RgbImage>, ImageError> {
    let mut decoder = open(bytes)?;
    let (width, height) = decoder.dimensions().map_err(describe)?;
    check_size(width, height)?;
    let photometric = decoder.find_tag_unsigned::<u16>(Tag::PhotometricInterpretation).map_err(describe)?;
    if photometric == Some(PALETTE) {
        let colours = decoder.get_tag_u16_vec(Tag::ColorMap).map_err(describe)?;
        // The crate rejects palettes. Declared as grey, the samples are the indices.
        patch_photometric(bytes).ok_or_else(|| ImageError::Malformed("its directory cannot be read".to_string()))?;
        return palette(open(bytes)?, &colours).map(Some);
    }
    let alpha = decoder.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples).map_err(describe)?;
    let associated = alpha.is_some_and(|alpha| alpha.first() == Some(&ASSOCIATED_ALPHA));
    let channels = match decoder.colortype() {
        Ok(ColorType::Gray(bits @ (2 | 4))) => return palette(decoder, &greys(bits)).map(Some),
        Ok(ColorType::Gray(_)) => 1,
        Ok(ColorType::Multiband { num_samples: 2, .. } | ColorType::GrayA(_)) => 2,
        Ok(ColorType::RGB(_)) => 3,
        Ok(ColorType::RGBA(_)) => 4,
        // The general decoder's own error describes it.
        _ => return Ok(None),
    };
    let kind = decoder.image_buffer_layout().map_err(describe)?.sample_type;
    let plain = matches!(kind, Some(DecodingSampleType::U8 | DecodingSampleType::U16));
    if plain && (channels % 2 == 1 || (channels == 4 && !associated)) {
        return Ok(None);
    }
    // The samples unchanged, as bytes, with and without alpha.
    let (layout, pixels) = (decoder.image_buffer_layout().map_err(describe)?, u64::from(width) * u64::from(height));
    let copies = pixels.saturating_mul(channels as u64 + 4 + 3);
    check_granted(grant, width, height, copies.saturating_add(layout.len as u64))?;
    let (samples, plane) = read(&mut decoder)?;
    let samples = match samples {
        DecodingResult::U8(samples) => samples,
        // Pillow keeps the upper byte.
        DecodingResult::U16(samples) => samples.into_iter().map(|sample| (sample >> 8) as u8).collect(),
        DecodingResult::I8(samples) => samples.into_iter().map(|sample| sample.max(0) as u8).collect(),
        DecodingResult::U32(samples) => samples.into_iter().map(|sample| sample.min(255) as u8).collect(),
        DecodingResult::U64(samples) => samples.into_iter().map(|sample| sample.min(255) as u8).collect(),
        DecodingResult::I16(samples) => samples.into_iter().map(|sample| sample.clamp(0, 255) as u8).collect(),
        DecodingResult::I32(samples) => samples.into_iter().map(|sample| sample.clamp(0, 255) as u8).collect(),
        DecodingResult::I64(samples) => samples.into_iter().map(|sample| sample.clamp(0, 255) as u8).collect(),
        DecodingResult::F16(samples) => floats(samples.iter().map(|sample| sample.to_f32()), warnings),
        DecodingResult::F32(samples) => floats(samples.iter().copied(), warnings),
        DecodingResult::F64(samples) => floats(samples.iter().map(|&sample| sample as f32), warnings),
    };
    // One plane after the other, or all samples of a pixel adjacent.
    let stride = plane.map(NonZeroUsize::get);
    let sample = |pixel: usize, channel: usize| match stride {
        Some(_) => samples.get(channel * (width as usize * height as usize) + pixel),
        None => samples.get(pixel * channels + channel),
    };
    if samples.len() < width as usize * height as usize * channels {
        return Err(ImageError::CutOff);
    }
    let rgba = RgbaImage::from_fn(width, height, |x, y| {
        let pixel = y as usize * width as usize + x as usize;
        let at = |channel| sample(pixel, channel).copied().unwrap_or(0);
        match channels {
            1 => Rgba([at(0), at(0), at(0), 255]),
            2 => Rgba([at(0), at(0), at(0), at(1)]),
            3 => Rgba([at(0), at(1), at(2), 255]),
            _ => Rgba([at(0), at(1), at(2), at(3)]),
        }
    });
    Ok(Some(RgbImage::from_fn(width, height, |x, y| {
        let Rgba([r, g, b, alpha]) = *rgba.get_pixel(x, y);
        let colour = [r, g, b].map(|sample| if associated { unassociate(sample, alpha) } else { sample });
        ::image::Rgb(colour.map(|sample| on_white(sample, alpha)))
    })))
}

/// The XMP block of the first picture, which the general decoder searches for under another tag.
pub(super) fn xmp(bytes: &[u8]) -> Option<Vec<u8>> {
    let value = open(bytes).ok()?.find_tag(Tag::from_u16_exhaustive(XMP)).ok()??;
    value.into_u8_vec().ok()
}

fn open(bytes: &[u8]) -> Result<Reader<'_>, ImageError> {
    let mut limits = Limits::default();
    limits.decoding_buffer_size = MAX_DECODER_BYTES as usize;
    limits.intermediate_buffer_size = MAX_DECODER_BYTES as usize;
    Ok(guard(|| Decoder::new(Cursor::new(bytes)).map_err(describe))?.with_limits(limits))
}

/// All samples, and the length of a plane if colours are stored in planes.
fn read(decoder: &mut Reader) -> Result<(DecodingResult, Option<NonZeroUsize>), ImageError> {
    let layout = decoder.image_buffer_layout().map_err(describe)?;
    if layout.complete_len as u64 > MAX_DECODER_BYTES {
        return Err(ImageError::TooMuchMemory(format!("{} bytes", layout.complete_len)));
    }
    let mut samples = DecodingResult::U8(Vec::new());
    guard(|| decoder.read_image_to_buffer(&mut samples).map_err(describe))?;
    Ok((samples, layout.plane_stride.filter(|_| layout.planes > 1)))
}

/// The palette of all greys with this number of bits.
fn greys(bits: u8) -> Vec<u16> {
    let most = (1u32 << bits) - 1;
    let greys: Vec<u16> = (0..=most).map(|grey| (grey * 65_535 / most) as u16).collect();
    greys.repeat(3)
}

/// A palette's colours have 16 bits, all reds first; a row of indices of 1, 2 or 4 bits begins with a byte.
fn palette(mut decoder: Reader, colours: &[u16]) -> Result<RgbImage, ImageError> {
    let (width, height) = decoder.dimensions().map_err(describe)?;
    let ColorType::Gray(bits) = decoder.colortype().map_err(describe)? else {
        return Err(ImageError::Unsupported { format: "a palette with several samples for each pixel in TIFF".into() });
    };
    let (samples, _) = read(&mut decoder)?;
    let DecodingResult::U8(samples) = samples else {
        return Err(ImageError::Unsupported { format: format!("a palette of {bits} bits in TIFF") });
    };
    let (bits, count) = (usize::from(bits), colours.len() / 3);
    let row = (width as usize * bits).div_ceil(8);
    if samples.len() < row * height as usize {
        return Err(ImageError::CutOff);
    }
    Ok(RgbImage::from_fn(width, height, |x, y| {
        let bit = x as usize * bits;
        let byte = samples[y as usize * row + bit / 8];
        let index = usize::from(byte >> (8 - bits - bit % 8)) & ((1 << bits) - 1);
        let colour = |plane: usize| colours.get(plane * count + index).map_or(0, |colour| (colour >> 8) as u8);
        ::image::Rgb([colour(0), colour(1), colour(2)])
    }))
}

/// Writes "black is zero" over the photometric interpretation of the first directory.
fn patch_photometric(bytes: &mut [u8]) -> Option<()> {
    let little = bytes.starts_with(b"II");
    let number = |bytes: &[u8], at: usize, length: usize| {
        let bytes = bytes.get(at..at.checked_add(length)?)?;
        let digit = |number: u64, byte: &u8| number << 8 | u64::from(*byte);
        Some(if little { bytes.iter().rev().fold(0, digit) } else { bytes.iter().fold(0, digit) })
    };
    let big = number(bytes, 2, 2)? == 43;
    let (offset, count, length, value) = if big { ((8, 8), 8, 20, 12) } else { ((4, 4), 2, 12, 8) };
    let directory = usize::try_from(number(bytes, offset.0, offset.1)?).ok()?;
    let entries = number(bytes, directory, count)?.min(65_535) as usize;
    let tag = u64::from(Tag::PhotometricInterpretation.to_u16());
    let entry = (0..entries)
        .map(|index| directory + count + index * length)
        .find(|&entry| number(bytes, entry, 2) == Some(tag))?;
    let low = if little { 0 } else { 1 };
    let field = bytes.get_mut(entry + value..entry + value + 2)?;
    field.fill(0);
    field[low] = BLACK_IS_ZERO;
    Some(())
}

fn floats(samples: impl Iterator<Item = f32> + Clone, warnings: &mut Vec<String>) -> Vec<u8> {
    let largest = samples.clone().filter(|sample| sample.is_finite()).fold(0.0, f32::max);
    // Filters may leave white a little above 1.
    let scale = if largest <= 1.5 { 255.0 } else { 1.0 };
    let range = if scale > 1.0 { "0 to 1" } else { "0 to 255" };
    warnings.push(format!("its floating-point samples are interpreted as {range} (the largest is {largest})"));
    // Pillow truncates; it does not support 0 to 1.
    let to_u8 = |sample: f32| if scale > 1.0 { (sample * scale).round() as u8 } else { sample as u8 };
    samples.map(to_u8).collect()
}

/// Removes premultiplied alpha from a sample, as Pillow does from `RGBa` to `RGBA`.
fn unassociate(sample: u8, alpha: u8) -> u8 {
    match alpha {
        0 | 255 => sample,
        alpha => (255 * u32::from(sample) / u32::from(alpha)).min(255) as u8,
    }
}
