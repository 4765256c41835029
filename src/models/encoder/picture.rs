//! Pictures to embeddings and probabilities of classes.

use ndarray::{Array1, Array4};

use super::{Encoder, to_unit_length};
use crate::config::model_folder::Modality;
use crate::engine::Tensor;
use crate::error::Error;
use crate::models::picture::{EncodedImage, Match, MatchTexts, PictureClass};

/// The outputs of the picture graph.
pub(super) struct Seen {
    /// The embedding as the graph computes it.
    pub features: Option<Vec<f32>>,
    /// The probabilities of the classes, if the model has any.
    pub probabilities: Option<Vec<f32>>,
}

impl Encoder {
    /// Names of the classes; none if the model does not classify.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Encodes a picture, preprocessed as `image` in `model.yaml` says: `[1, 3, height, width]`.
    ///
    /// # Errors
    /// [`Error::Request`] if the model does not encode pictures; [`Error::Engine`] if the graph cannot be loaded or
    /// fails.
    pub fn encode_pixels(&self, pixels: Array4<f32>) -> Result<EncodedImage, Error> {
        let Seen { features, probabilities } = self.encode_picture(pixels)?;
        let embedding = features.clone().map(|mut features| {
            to_unit_length(&mut features);
            Array1::from_vec(features)
        });
        Ok(EncodedImage { embedding, features, probabilities, ..EncodedImage::default() })
    }

    /// The `top` most probable classes of a picture, most probable first.
    ///
    /// # Errors
    /// [`Error::Request`] if the model does not classify, or another model encoded the picture.
    pub fn classify(&self, image: &EncodedImage, top: usize) -> Result<Vec<PictureClass>, Error> {
        match &image.probabilities {
            Some(found) if found.len() == self.classes.len() => Ok(PictureClass::ranked(found, top)),
            _ => Err(self.cannot("the picture has no probabilities of this model's classes")),
        }
    }

    /// How similar each of `texts` is to the picture, in the order of `texts`.
    ///
    /// # Errors
    /// [`Error::Request`] if the model does not encode texts, or another model encoded the picture; [`Error::Engine`] if
    /// a graph cannot be loaded or fails.
    pub fn match_texts(&self, image: &EncodedImage, texts: &MatchTexts) -> Result<Vec<Match>, Error> {
        self.embed_texts(texts)?;
        let both = image.embedding().zip(texts.embeddings());
        let Some((image, texts)) = both.filter(|(image, texts)| image.len() == texts.ncols()) else {
            return Err(self.cannot("the picture was not encoded by this model"));
        };
        let probability = |similarity: f32| {
            let matching = self.spec.matching?;
            Some(1.0 / (1.0 + (-(matching.scale * similarity + matching.bias)).exp()))
        };
        let similarities = texts.dot(image).into_iter();
        Ok(similarities.map(|it| Match { probability: probability(it), similarity: Some(it) }).collect())
    }

    pub(super) fn encode_picture(&self, pixels: Array4<f32>) -> Result<Seen, Error> {
        if self.spec.image.is_none() {
            return Err(self.cannot("this model does not encode pictures"));
        }
        let graph = self.tower(Modality::Image)?;
        let mut outputs = graph.run(&[("pixel_values", &[Tensor::float(pixels)?])])?;
        let features = outputs.take_one("embedding", &[Some(1), self.length("picture")])?;
        let probabilities = match self.classes.len() {
            0 => None,
            classes => Some(numbers(&outputs.take_one("probabilities", &[Some(1), Some(classes)])?)?),
        };
        Ok(Seen { features: Some(numbers(&features)?), probabilities })
    }
}

/// The numbers of a tensor.
pub(super) fn numbers(tensor: &Tensor) -> Result<Vec<f32>, Error> {
    Ok(tensor.view()?.iter().copied().collect())
}
