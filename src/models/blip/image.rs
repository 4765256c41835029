//! The vision encoder.

use image::RgbImage;
use ndarray::Array4;

use super::Blip;
use super::matching::embedding;
use crate::engine::Tensor;
use crate::error::Error;
use crate::media::image::{PixelConfig, pixel_values};
use crate::models::generation::CrossAttention;
use crate::models::picture::EncodedImage;

impl Blip {
    /// Runs the vision encoder.
    ///
    /// # Errors
    /// [`Error::Engine`] if the graph fails.
    pub fn encode(&self, image: &RgbImage) -> Result<EncodedImage, Error> {
        self.encode_pixels(pixel_values(image, &PixelConfig::from(&self.spec.image)))
    }

    /// [`Blip::encode`] for the output of [`pixel_values`]: `[1, 3, height, width]`.
    ///
    /// # Errors
    /// As [`Blip::encode`].
    pub fn encode_pixels(&self, pixels: Array4<f32>) -> Result<EncodedImage, Error> {
        let mut outputs = self.vision.run(&[("pixel_values", &[Tensor::float(pixels)?])])?;
        Ok(EncodedImage {
            embeddings: outputs.take("image_embeds").pop(),
            caption_cross: self.captions().then(|| CrossAttention::take(&mut outputs)),
            embedding: outputs.take("image_embedding").first().map(embedding).transpose()?,
            ..EncodedImage::default()
        })
    }
}
