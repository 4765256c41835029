//! 8-bit RGB to the tensor of a vision model.

use ndarray::Array4;

use super::resize::{Window, resize_window};
use super::split::split;
use super::{Resample, RgbImage, resize};
use crate::config::model_folder::{CropRounding, CropSpec, ImageSpec, ResampleFilter, SplitSpec};

/// Preprocessing of a model's pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PixelConfig {
    /// Width of the tensor.
    pub width: u32,
    /// Height of the tensor.
    pub height: u32,
    /// How the picture becomes that wide and high: it is stretched, regardless of its aspect ratio, or its centre is
    /// cut out.
    pub crop: Option<CropSpec>,
    /// How it becomes several tensors of that width and height instead.
    pub split: Option<SplitSpec>,
    /// The resampling filter.
    pub resample: Resample,
    /// Factor for 8-bit samples, usually 1/255.
    pub rescale: f32,
    /// Subtracted after that, for red, green and blue.
    pub mean: [f32; 3],
    /// Divisor after that, for red, green and blue.
    pub std: [f32; 3],
}

/// The preprocessing that `model.yaml` describes.
impl From<&ImageSpec> for PixelConfig {
    fn from(spec: &ImageSpec) -> Self {
        PixelConfig {
            width: spec.width,
            height: spec.height,
            crop: spec.crop,
            split: spec.split,
            resample: match spec.resample {
                ResampleFilter::Box => Resample::Box,
                ResampleFilter::Bilinear => Resample::Bilinear,
                ResampleFilter::Hamming => Resample::Hamming,
                ResampleFilter::Bicubic => Resample::Bicubic,
                ResampleFilter::Lanczos => Resample::Lanczos,
            },
            rescale: spec.rescale,
            mean: spec.mean,
            std: spec.std,
        }
    }
}

/// A preprocessed picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Pixels {
    /// `[pictures, 3, height, width]`: one, unless the picture is split; otherwise its tiles, row by row, and then the
    /// whole picture.
    pub values: Array4<f32>,
    /// Rows of tiles; 0 if the picture is not split.
    pub rows: usize,
    /// Columns of tiles; 0 if the picture is not split.
    pub columns: usize,
}

/// [`pixel_values`], with the number of tiles.
pub fn pixels(image: &RgbImage, config: &PixelConfig) -> Pixels {
    let (mut rows, mut columns) = (0, 0);
    let resized = match (&config.split, &config.crop) {
        (Some(spec), _) => {
            let tiles = split(image, config.width, spec.longest_side, config.resample);
            (rows, columns) = (tiles.rows, tiles.columns);
            tiles.images
        }
        (None, None) => vec![resize(image, config.width, config.height, config.resample)],
        (None, Some(crop)) => vec![centre(image, config, crop)],
    };
    let (width, height) = (config.width as usize, config.height as usize);
    let mut values = Array4::zeros((resized.len(), 3, height, width));
    for (mut picture, resized) in values.outer_iter_mut().zip(&resized) {
        for (channel, mut plane) in picture.outer_iter_mut().enumerate() {
            // 8 bits have few values, so each is computed once.
            let table: [f32; 256] = std::array::from_fn(|sample| {
                (sample as f32 * config.rescale - config.mean[channel]) / config.std[channel]
            });
            for (value, pixel) in plane.iter_mut().zip(resized.pixels()) {
                *value = table[usize::from(pixel.0[channel])];
            }
        }
    }
    Pixels { values, rows, columns }
}

/// The image as a tensor of shape `[1, 3, height, width]`, or several if it is split: resized as 8-bit samples, then
/// `(sample * rescale - mean) / std` for each channel.
///
/// Equal to the output of the image processors of Hugging Face's transformers with Pillow (`do_resize`,
/// `do_center_crop`, `do_rescale`, `do_normalize`; `BlipImageProcessor` and `CLIPImageProcessor` for example) and of
/// torchvision's `Resize`, `CenterCrop`, `ToTensor` and `Normalize` on Pillow images, to within rounding.
pub fn pixel_values(image: &RgbImage, config: &PixelConfig) -> Array4<f32> {
    pixels(image, config).values
}

/// The centre of the image, resized so that its shorter side has the length in `crop`. Only the pixels of the centre
/// are computed, so a long and narrow image takes no more memory than others.
fn centre(image: &RgbImage, config: &PixelConfig, crop: &CropSpec) -> RgbImage {
    if image.is_empty() {
        return RgbImage::new(config.width, config.height);
    }
    let shorter = image.width().min(image.height());
    // torchvision and transformers alike: the longer side is rounded down.
    let scaled = |side: u32| {
        let side = u64::from(crop.shorter_side) * u64::from(side) / u64::from(shorter);
        u32::try_from(side).unwrap_or(u32::MAX)
    };
    let (width, height) = (scaled(image.width()), scaled(image.height()));
    let first = |whole: u32, part: u32| {
        let beside = whole.saturating_sub(part);
        let half = beside / 2;
        match crop.rounding {
            CropRounding::Even if beside % 2 == 1 => half + half % 2,
            _ => half,
        }
    };
    let window = Window {
        left: first(width, config.width),
        top: first(height, config.height),
        width: config.width,
        height: config.height,
    };
    resize_window(image, width, height, window, config.resample)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_centre_is_that_of_the_whole_resized_image() {
        let noise = |x: u32, y: u32, channel: u32| ((x * 7 + y * 13 + channel * 29) % 251) as u8;
        let image = RgbImage::from_fn(50, 31, |x, y| image::Rgb([0, 1, 2].map(|channel| noise(x, y, channel))));
        for (rounding, left) in [(CropRounding::Down, 5), (CropRounding::Even, 6)] {
            let crop = CropSpec { shorter_side: 20, rounding };
            let config = PixelConfig {
                width: 21,
                height: 17,
                crop: Some(crop),
                split: None,
                resample: Resample::Bicubic,
                rescale: 1.0,
                mean: [0.0; 3],
                std: [1.0; 3],
            };
            // 50 x 20 / 31, rounded down; (32 - 21) / 2 = 5.5 and (20 - 17) / 2 = 1.5.
            let whole = resize(&image, 32, 20, Resample::Bicubic);
            let top = if rounding == CropRounding::Down { 1 } else { 2 };
            let centre = image::imageops::crop_imm(&whole, left, top, 21, 17).to_image();
            assert_eq!(super::centre(&image, &config, &crop), centre);
        }
    }

    #[test]
    fn a_long_and_narrow_image_needs_no_more_than_its_centre() {
        let crop = CropSpec { shorter_side: 256, rounding: CropRounding::Even };
        let config = PixelConfig {
            width: 224,
            height: 224,
            crop: Some(crop),
            split: None,
            resample: Resample::Bilinear,
            rescale: 1.0,
            mean: [0.0; 3],
            std: [1.0; 3],
        };
        let values = pixel_values(&RgbImage::from_pixel(60_000, 1, image::Rgb([7, 8, 9])), &config);
        assert_eq!((values[[0, 0, 0, 0]], values[[0, 2, 223, 223]]), (7.0, 9.0));
    }
}
