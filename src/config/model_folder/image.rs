//! Constants of picture preprocessing.

use serde::Deserialize;

/// Preprocessing parameters of a picture.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageSpec {
    /// Width the picture is resized to, in pixels.
    pub width: u32,
    /// Height the picture is resized to, in pixels.
    pub height: u32,
    /// Resampling filter.
    pub resample: ResampleFilter,
    /// Factor for the 8-bit values, usually 1/255.
    pub rescale: f32,
    /// Subtracted from each channel (red, green, blue) after rescaling.
    pub mean: [f32; 3],
    /// Divisor of each channel after that.
    pub std: [f32; 3],
}

/// Resampling filter, named as in Pillow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ResampleFilter {
    /// Mean of the covered pixels.
    Box,
    /// Triangle.
    Bilinear,
    /// As sharp as bicubic when shrinking, as cheap as bilinear.
    Hamming,
    /// Catmull-Rom cubic, a = -0.5.
    Bicubic,
    /// Lanczos with three lobes.
    Lanczos,
}

impl ImageSpec {
    pub(super) fn check(&self) -> Result<(), String> {
        let side = 1..=4_096;
        if !side.contains(&self.width) || !side.contains(&self.height) {
            return Err(format!("image: {} x {} is out of range (1 to 4096)", self.width, self.height));
        }
        let finite = self.mean.iter().all(|mean| mean.is_finite());
        if !finite || self.std.iter().any(|std| !std.is_normal()) || !self.rescale.is_normal() {
            return Err("image: mean, std and rescale must be numbers, and the last two not zero".to_string());
        }
        Ok(())
    }
}
