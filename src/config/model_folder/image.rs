//! Constants of picture preprocessing.

use serde::Deserialize;

/// Maximum width and height of a graph's input, and of a picture before it is split, in pixels.
const LARGEST_SIDE: u32 = 4_096;

/// Maximum number of tiles side by side.
const MOST_TILES_PER_SIDE: u32 = 8;

/// Preprocessing parameters of a picture.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageSpec {
    /// Width of the graph's input, in pixels.
    pub width: u32,
    /// Height of the graph's input, in pixels.
    pub height: u32,
    /// How the picture becomes that wide and high, if it is not stretched.
    pub crop: Option<CropSpec>,
    /// How the picture becomes several of that width and height.
    pub split: Option<SplitSpec>,
    /// Resampling filter.
    pub resample: ResampleFilter,
    /// Factor for the 8-bit values, usually 1/255.
    pub rescale: f32,
    /// Subtracted from each channel (red, green, blue) after rescaling.
    pub mean: [f32; 3],
    /// Divisor of each channel after that.
    pub std: [f32; 3],
}

/// Keeps the aspect ratio: the picture is resized, and its centre is cut out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CropSpec {
    /// Length in pixels that the shorter side is resized to; at least `width` and `height`.
    pub shorter_side: u32,
    /// How half a pixel is rounded if the centre is not on a whole one.
    #[serde(default)]
    pub rounding: CropRounding,
}

/// Keeps details: the picture is resized, with its aspect ratio nearly kept, and split into tiles; the whole picture,
/// stretched to a tile's size, follows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitSpec {
    /// Length in pixels that the longer side is resized to, before both sides are rounded up to whole tiles; at most eight
    /// tiles.
    pub longest_side: u32,
}

/// Rounding of the first row and column of a centre crop.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CropRounding {
    /// Down, as the image processors of transformers that use Pillow or NumPy.
    #[default]
    Down,
    /// To the nearest even number, as torchvision.
    Even,
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
    /// Checks the settings of a model that reads a picture whole.
    pub(super) fn check(&self) -> Result<(), String> {
        match self.split {
            None => self.check_common(),
            Some(_) => Err("image.split: this kind of model does not split pictures".to_string()),
        }
    }

    /// Checks the settings of a model that reads a picture in tiles.
    pub(super) fn check_split(&self) -> Result<(), String> {
        self.check_common()?;
        let Some(split) = &self.split else {
            return Err("image.split: missing, but required by this kind of model".to_string());
        };
        if self.crop.is_some() || self.width != self.height {
            return Err("image: tiles must be square, and cannot be combined with `crop`".to_string());
        }
        let most = (MOST_TILES_PER_SIDE * self.width).min(LARGEST_SIDE);
        if !(1..=most).contains(&split.longest_side) {
            return Err(format!("image.split.longest_side: {} is out of range (1 to {most})", split.longest_side));
        }
        Ok(())
    }

    fn check_common(&self) -> Result<(), String> {
        let side = 1..=LARGEST_SIDE;
        if !side.contains(&self.width) || !side.contains(&self.height) {
            return Err(format!("image: {} x {} is out of range (1 to 4096)", self.width, self.height));
        }
        if let Some(crop) = &self.crop
            && !(self.width.max(self.height)..=*side.end()).contains(&crop.shorter_side)
        {
            let (width, height, given) = (self.width, self.height, crop.shorter_side);
            return Err(format!("image.crop.shorter_side: {given} is out of range ({} to 4096)", width.max(height)));
        }
        let finite = self.mean.iter().all(|mean| mean.is_finite());
        if !finite || self.std.iter().any(|std| !std.is_normal()) || !self.rescale.is_normal() {
            return Err("image: mean, std and rescale must be numbers, and the last two not zero".to_string());
        }
        Ok(())
    }
}
