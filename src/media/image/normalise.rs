//! 8-bit RGB to the tensor of a vision model.

use ndarray::Array4;

use super::{Resample, RgbImage, resize};
use crate::config::model_folder::{ImageSpec, ResampleFilter};

/// Preprocessing of a model's pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PixelConfig {
    /// Width of the tensor. The picture is stretched to it; its aspect ratio is not kept.
    pub width: u32,
    /// Height of the tensor.
    pub height: u32,
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

/// The image as a tensor of shape `[1, 3, height, width]`: resized as 8-bit samples, then
/// `(sample * rescale - mean) / std` for each channel.
///
/// Equal to the output of the image processors of Hugging Face's transformers with Pillow (`do_resize`,
/// `do_rescale`, `do_normalize`; `BlipImageProcessor` for example) to within rounding.
pub fn pixel_values(image: &RgbImage, config: &PixelConfig) -> Array4<f32> {
    let resized = resize(image, config.width, config.height, config.resample);
    let (width, height) = (config.width as usize, config.height as usize);
    let mut values = Array4::zeros((1, 3, height, width));
    for (channel, mut plane) in values.index_axis_mut(ndarray::Axis(0), 0).outer_iter_mut().enumerate() {
        // 8 bits have few values, so each is computed once.
        let table: [f32; 256] =
            std::array::from_fn(|sample| (sample as f32 * config.rescale - config.mean[channel]) / config.std[channel]);
        for (value, pixel) in plane.iter_mut().zip(resized.pixels()) {
            *value = table[usize::from(pixel.0[channel])];
        }
    }
    values
}
