//! Pillow's `Image.resize`, bit for bit.
//!
//! The algorithm is that of `Resample.c` in Pillow 13.0 for 8-bit images: a convolution along rows and one along
//! columns, with a kernel that widens when the image shrinks. Weights are rounded to 22 bits, sums are exact in 32-bit
//! integers, and each of the two passes rounds to 8 bits. Integers make the result the same on every machine.
//! (`fast_image_resize` follows Pillow-SIMD, whose 16-bit weights give different values in a few pixels.)

use std::borrow::Cow;
use std::f64::consts::PI;
use std::ops::Range;

use image::imageops::crop_imm;

use super::RgbImage;

/// Fractional bits of a weight: 32, minus 8 for the sample and 2 for sums beyond [0, 1].
const PRECISION: u32 = 32 - 8 - 2;

/// Samples per pixel.
const CHANNELS: usize = 3;

/// Resampling filter, named as in Pillow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resample {
    /// Mean of the covered pixels.
    Box,
    /// Linear interpolation; a triangle when shrinking.
    Bilinear,
    /// As sharp as bicubic when shrinking, as cheap as bilinear.
    Hamming,
    /// Cubic convolution with a = -0.5 (Catmull-Rom).
    Bicubic,
    /// A sinc windowed by a sinc, three lobes.
    Lanczos,
}

impl Resample {
    /// Half the kernel's width, in pixels of the coarser image.
    fn support(self) -> f64 {
        match self {
            Self::Box => 0.5,
            Self::Bilinear | Self::Hamming => 1.0,
            Self::Bicubic => 2.0,
            Self::Lanczos => 3.0,
        }
    }

    fn kernel(self, x: f64) -> f64 {
        const A: f64 = -0.5;
        match self {
            Self::Box => f64::from(x > -0.5 && x <= 0.5),
            Self::Bilinear => (1.0 - x.abs()).max(0.0),
            Self::Hamming if x == 0.0 => 1.0,
            Self::Hamming if x.abs() >= 1.0 => 0.0,
            Self::Hamming => {
                let x = x.abs() * PI;
                // Pillow has these two in single precision.
                x.sin() / x * (f64::from(0.54f32) + f64::from(0.46f32) * x.cos())
            }
            Self::Bicubic => match x.abs() {
                x if x < 1.0 => ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0,
                x if x < 2.0 => (((x - 5.0) * x + 8.0) * x - 4.0) * A,
                _ => 0.0,
            },
            Self::Lanczos if (-3.0..3.0).contains(&x) => sinc(x) * sinc(x / 3.0),
            Self::Lanczos => 0.0,
        }
    }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 { 1.0 } else { (x * PI).sin() / (x * PI) }
}

/// Resizes an image, equal to Pillow's `image.resize((width, height), resample)` in every pixel. An image that already
/// has the size is returned unchanged.
pub fn resize(image: &RgbImage, width: u32, height: u32, resample: Resample) -> RgbImage {
    resize_window(image, width, height, Window { left: 0, top: 0, width, height }, resample)
}

/// A rectangle of an image, in pixels.
#[derive(Clone, Copy)]
pub(super) struct Window {
    pub left: u32,
    pub top: u32,
    pub width: u32,
    pub height: u32,
}

/// The pixels in `window` of the image resized to `width` x `height`, without computing the others.
pub(super) fn resize_window(image: &RgbImage, width: u32, height: u32, window: Window, resample: Resample) -> RgbImage {
    if window.width == 0 || window.height == 0 || image.is_empty() {
        return RgbImage::new(window.width, window.height);
    }
    let columns = window.left..window.left + window.width;
    let lines = window.top..window.top + window.height;
    // The order of the passes affects rounding. Pillow processes the columns first if the height shrinks by more than
    // twice as much as the width (before version 13, it never did).
    let lost_height = i64::from(image.height()) - i64::from(height);
    let lost_width = i64::from(image.width()) - i64::from(width);
    if lost_height > 0 && lost_height > 2 * lost_width {
        let narrow = resize_columns(Cow::Borrowed(image), height, lines, resample);
        resize_rows(narrow, width, columns, resample).into_owned()
    } else {
        let narrow = resize_rows(Cow::Borrowed(image), width, columns, resample);
        resize_columns(narrow, height, lines, resample).into_owned()
    }
}

/// The pass along rows: the pixels `window` of each row resized to `width`. Skipped if it would change nothing, as in
/// Pillow.
fn resize_rows(image: Cow<'_, RgbImage>, width: u32, window: Range<u32>, resample: Resample) -> Cow<'_, RgbImage> {
    if image.width() == width {
        return match window == (0..width) {
            true => image,
            false => {
                Cow::Owned(crop_imm(&*image, window.start, 0, window.end - window.start, image.height()).to_image())
            }
        };
    }
    let taps = taps(image.width(), width, window, resample);
    let width = taps.len() as u32;
    let mut result = RgbImage::new(width, image.height());
    let from_rows = image.chunks_exact(image.width() as usize * CHANNELS);
    let to_rows = result.chunks_exact_mut(width as usize * CHANNELS);
    for (from, to) in from_rows.zip(to_rows) {
        for (pixel, taps) in to.chunks_exact_mut(CHANNELS).zip(&taps) {
            let mut sums = [1 << (PRECISION - 1); CHANNELS];
            let covered = from[taps.first * CHANNELS..].chunks_exact(CHANNELS);
            for (weight, covered) in taps.weights.iter().zip(covered) {
                for (sum, sample) in sums.iter_mut().zip(covered) {
                    *sum += i32::from(*sample) * weight;
                }
            }
            for (sample, sum) in pixel.iter_mut().zip(sums) {
                *sample = to_sample(sum);
            }
        }
    }
    Cow::Owned(result)
}

/// The pass along columns: the rows `window` of the image resized to `height`.
fn resize_columns(image: Cow<'_, RgbImage>, height: u32, window: Range<u32>, resample: Resample) -> Cow<'_, RgbImage> {
    if image.height() == height {
        return match window == (0..height) {
            true => image,
            false => {
                Cow::Owned(crop_imm(&*image, 0, window.start, image.width(), window.end - window.start).to_image())
            }
        };
    }
    let taps = taps(image.height(), height, window, resample);
    let mut result = RgbImage::new(image.width(), taps.len() as u32);
    let row_len = image.width() as usize * CHANNELS;
    let mut sums = vec![0; row_len];
    for (to, taps) in result.chunks_exact_mut(row_len).zip(&taps) {
        sums.fill(1 << (PRECISION - 1));
        let covered = image.as_raw()[taps.first * row_len..].chunks_exact(row_len);
        for (weight, from) in taps.weights.iter().zip(covered) {
            for (sum, sample) in sums.iter_mut().zip(from) {
                *sum += i32::from(*sample) * weight;
            }
        }
        for (sample, sum) in to.iter_mut().zip(&sums) {
            *sample = to_sample(*sum);
        }
    }
    Cow::Owned(result)
}

/// The pixels that contribute to one pixel of the result, along one axis.
struct Taps {
    /// The first covered pixel.
    first: usize,
    /// The weight of each covered pixel.
    weights: Vec<i32>,
}

/// The taps of the pixels `window` of the result.
fn taps(from: u32, to: u32, window: Range<u32>, resample: Resample) -> Vec<Taps> {
    let scale = f64::from(from) / f64::from(to);
    let stretch = scale.max(1.0);
    let support = resample.support() * stretch;
    window
        .map(|index| {
            let centre = (f64::from(index) + 0.5) * scale;
            // The casts truncate towards zero and, unlike those of C, saturate.
            let first = (centre - support + 0.5).max(0.0) as usize;
            let end = ((centre + support + 0.5) as usize).min(from as usize);
            // Same order of operations as in Pillow, so that no weight rounds differently.
            let mut weights: Vec<f64> = (0..end.saturating_sub(first))
                .map(|x| resample.kernel((x as f64 + first as f64 - centre + 0.5) * (1.0 / stretch)))
                .collect();
            let total: f64 = weights.iter().sum();
            if total != 0.0 {
                weights.iter_mut().for_each(|weight| *weight /= total);
            }
            Taps { first, weights: weights.into_iter().map(to_fixed).collect() }
        })
        .collect()
}

/// Rounds to the nearest integer, by a cast that truncates towards zero.
fn to_fixed(weight: f64) -> i32 {
    (weight * f64::from(1u32 << PRECISION) + 0.5f64.copysign(weight)) as i32
}

fn to_sample(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}
