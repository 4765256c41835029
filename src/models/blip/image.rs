//! The vision encoder.

use image::RgbImage;

use super::Blip;
use crate::config::model_folder::{ImageSpec, ResampleFilter};
use crate::engine::Tensor;
use crate::error::Error;
use crate::media::image::{PixelConfig, Resample, pixel_values};
use crate::models::generation::CrossAttention;

/// A picture as the text graphs see it. Any number of captions and answers can be made from it.
pub struct EncodedImage {
    /// `[1, patches, hidden]`, where the model answers questions.
    pub(super) embeddings: Option<Tensor>,
    /// What the caption decoder attends to, where the model captions.
    pub(super) caption_cross: CrossAttention,
}

impl Blip {
    /// Runs the vision encoder.
    ///
    /// # Errors
    /// [`Error::Engine`] when the graph fails.
    pub fn encode(&mut self, image: &RgbImage) -> Result<EncodedImage, Error> {
        let pixels = pixel_values(image, &pixel_config(&self.spec.image));
        let mut outputs = self.vision.run(&[("pixel_values", &[Tensor::float(pixels)?])])?;
        Ok(EncodedImage {
            embeddings: outputs.take("image_embeds").into_iter().next(),
            caption_cross: CrossAttention::take(&mut outputs),
        })
    }
}

/// The preprocessing that `model.yaml` describes.
pub(crate) fn pixel_config(spec: &ImageSpec) -> PixelConfig {
    PixelConfig {
        width: spec.width,
        height: spec.height,
        resample: match spec.resample {
            ResampleFilter::Bilinear => Resample::Bilinear,
            ResampleFilter::Bicubic => Resample::Bicubic,
            ResampleFilter::Lanczos => Resample::Lanczos,
        },
        rescale: spec.rescale,
        mean: spec.mean,
        std: spec.std,
    }
}
