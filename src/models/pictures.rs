//! The picture model of a device, whichever kind its folder is.

use image::RgbImage;
use ndarray::Array4;

use super::blip::{Answer, Blip, Candidates, Caption, EncodedImage, RankedAnswer};
use super::blip2::Blip2;
use super::loader::Loader;
use crate::config::model_folder::Kind;
use crate::config::{CaptionOptions, SearchOptions};
use crate::error::Error;

/// A model under `models.blip` of a device file.
pub enum PictureModel {
    /// Of kind `blip`.
    Blip(Box<Blip>),
    /// Of kind `blip2`.
    Blip2(Box<Blip2>),
}

/// The same of both kinds.
macro_rules! of_either {
    ($model:expr, $either:ident => $call:expr) => {
        match $model {
            PictureModel::Blip($either) => $call,
            PictureModel::Blip2($either) => $call,
        }
    };
}

impl PictureModel {
    /// Loads the vision encoder and the tokenizer of a folder of either kind.
    ///
    /// # Errors
    /// [`Error`] when the folder holds another kind of model, or a file of it cannot be loaded.
    pub fn load(loader: Loader) -> Result<Self, Error> {
        match loader.folder().kind {
            Kind::Blip2(_) => Ok(PictureModel::Blip2(Box::new(Blip2::load(loader)?))),
            _ => Ok(PictureModel::Blip(Box::new(Blip::load(loader)?))),
        }
    }

    /// Name of the model.
    pub fn name(&self) -> &str {
        of_either!(self, model => model.name())
    }

    /// The execution provider of the vision encoder.
    pub fn provider(&self) -> &'static str {
        of_either!(self, model => model.provider())
    }

    /// The execution provider of what answers; that of the vision encoder before it is loaded.
    pub fn answer_provider(&self) -> &'static str {
        match self {
            PictureModel::Blip(blip) => blip.answer_provider(),
            PictureModel::Blip2(blip2) => blip2.language_provider(),
        }
    }

    /// Runs the vision encoder.
    ///
    /// # Errors
    /// [`Error::Engine`] when the graph fails.
    pub fn encode(&self, image: &RgbImage) -> Result<EncodedImage, Error> {
        of_either!(self, model => model.encode(image))
    }

    /// [`PictureModel::encode`] for pixel values, `[1, 3, height, width]`.
    ///
    /// # Errors
    /// As there.
    pub fn encode_pixels(&self, pixels: Array4<f32>) -> Result<EncodedImage, Error> {
        of_either!(self, model => model.encode_pixels(pixels))
    }

    /// Loads what captions need, if it is not loaded yet.
    ///
    /// # Errors
    /// [`Error::Request`] when the model does not caption; [`Error::Engine`] when a graph cannot be loaded.
    pub fn prepare_captions(&self) -> Result<(), Error> {
        match self {
            PictureModel::Blip(blip) => blip.prepare_captions(),
            PictureModel::Blip2(blip2) => blip2.prepare(),
        }
    }

    /// Captions a picture: [`Blip::caption`], [`Blip2::caption`].
    ///
    /// # Errors
    /// As there.
    pub fn caption(&self, image: &EncodedImage, options: &CaptionOptions) -> Result<Vec<Caption>, Error> {
        of_either!(self, model => model.caption(image, options))
    }

    /// Loads what answers need, if it is not loaded yet.
    ///
    /// # Errors
    /// [`Error::Request`] when the model does not answer questions; [`Error::Engine`] when a graph cannot be loaded.
    pub fn prepare_answers(&self) -> Result<(), Error> {
        match self {
            PictureModel::Blip(blip) => blip.prepare_answers(),
            PictureModel::Blip2(blip2) => blip2.prepare(),
        }
    }

    /// Answers a question about a picture: [`Blip::answer`], [`Blip2::answer`].
    ///
    /// # Errors
    /// As there.
    pub fn answer(&self, image: &EncodedImage, question: &str, options: &SearchOptions) -> Result<Answer, Error> {
        of_either!(self, model => model.answer(image, question, options))
    }

    /// Prepares a list of answers: [`Blip::candidates`], [`Blip2::candidates`].
    ///
    /// # Errors
    /// As there.
    pub fn candidates(&self, texts: &[String]) -> Result<Candidates, Error> {
        of_either!(self, model => model.candidates(texts))
    }

    /// How probable each answer of a list is: [`Blip::rank`], [`Blip2::rank`].
    ///
    /// # Errors
    /// As there.
    pub fn rank(
        &self,
        image: &EncodedImage,
        question: &str,
        candidates: &Candidates,
    ) -> Result<Vec<RankedAnswer>, Error> {
        of_either!(self, model => model.rank(image, question, candidates))
    }

    /// The model as one that matches texts with pictures, which BLIP-2's language models do not.
    ///
    /// # Errors
    /// [`Error::Request`] when it is a BLIP-2.
    pub fn matching(&self) -> Result<&Blip, Error> {
        match self {
            PictureModel::Blip(blip) => Ok(blip),
            PictureModel::Blip2(blip2) => Err(Error::Request {
                model: blip2.name().to_string(),
                problem:
                    "this model is a BLIP-2, which captions pictures and answers questions but does not match texts"
                        .to_string(),
            }),
        }
    }
}
