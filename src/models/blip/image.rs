//! The vision encoder.

use image::RgbImage;
use ndarray::Array1;

use super::Blip;
use super::matching::embedding;
use crate::config::model_folder::{ImageSpec, ResampleFilter};
use crate::engine::Tensor;
use crate::error::Error;
use crate::media::image::{PixelConfig, Resample, pixel_values};
use crate::models::generation::CrossAttention;

/// A picture as the text graphs see it. Any number of captions and answers can be made from it.
pub struct EncodedImage {
    /// `[1, patches, hidden]`, where the model answers questions or has a matching head.
    pub(super) embeddings: Option<Tensor>,
    /// What the caption decoder attends to, where the model captions.
    pub(super) caption_cross: Option<CrossAttention>,
    /// `[projection]`, where the model compares embeddings.
    pub(super) embedding: Option<Array1<f32>>,
}

impl EncodedImage {
    /// A picture of which a model keeps nothing but these embeddings, `[1, rows, hidden]`.
    pub(in crate::models) fn of_embeddings(embeddings: Tensor) -> Self {
        EncodedImage { embeddings: Some(embeddings), caption_cross: None, embedding: None }
    }

    /// The embeddings that text graphs take, `[1, rows, hidden]`; where the model has them.
    pub(in crate::models) fn embeddings(&self) -> Option<&Tensor> {
        self.embeddings.as_ref()
    }

    /// The embedding that texts are compared with, `[projection]`, of length 1; where the model has one.
    pub fn embedding(&self) -> Option<&Array1<f32>> {
        self.embedding.as_ref()
    }
}

impl Blip {
    /// Runs the vision encoder.
    ///
    /// # Errors
    /// [`Error::Engine`] when the graph fails.
    pub fn encode(&self, image: &RgbImage) -> Result<EncodedImage, Error> {
        let pixels = pixel_values(image, &pixel_config(&self.spec.image));
        let mut outputs = self.vision.run(&[("pixel_values", &[Tensor::float(pixels)?])])?;
        Ok(EncodedImage {
            embeddings: outputs.take("image_embeds").into_iter().next(),
            caption_cross: self.captions().then(|| CrossAttention::take(&mut outputs)),
            embedding: outputs.take("image_embedding").first().map(embedding).transpose()?,
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
