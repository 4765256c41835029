//! BLIP: captions and answers about pictures.

mod answer;
mod caption;
mod image;

use std::sync::Arc;

use crate::config::model_folder::{BlipSpec, Kind, ModelFolder};
use crate::engine::Graph;
use crate::error::Error;
use crate::models::generation::Decoder;
use crate::models::loader::{Loader, load_once};
use crate::models::vocabulary::Vocabulary;

pub use answer::Answer;
pub use caption::Caption;
pub use image::EncodedImage;
pub(crate) use image::pixel_config;

/// A BLIP model. The vision encoder is loaded with it, the text graphs when a task first needs them.
pub struct Blip {
    loader: Loader,
    folder: Arc<ModelFolder>,
    spec: BlipSpec,
    vocabulary: Vocabulary,
    vision: Graph,
    caption_decoder: Option<Decoder>,
    question_encoder: Option<Graph>,
    answer_decoder: Option<Decoder>,
}

impl Blip {
    /// Loads the vision encoder and the tokenizer.
    ///
    /// # Errors
    /// [`Error`] when the folder holds another kind of model, or a file of it cannot be loaded.
    pub fn load(loader: Loader) -> Result<Self, Error> {
        let folder = loader.folder().clone();
        let Kind::Blip(spec) = &folder.kind else { return Err(loader.wrong_kind("blip")) };
        Ok(Blip {
            spec: spec.clone(),
            vocabulary: Vocabulary::load(&folder, &spec.tokenizer)?,
            vision: loader.graph("vision")?,
            caption_decoder: None,
            question_encoder: None,
            answer_decoder: None,
            loader,
            folder,
        })
    }

    /// Whether it captions.
    pub fn captions(&self) -> bool {
        self.folder.common.graphs.contains_key("caption_decoder")
    }

    /// Whether it answers questions.
    pub fn answers(&self) -> bool {
        self.folder.common.graphs.contains_key("question_encoder")
    }

    /// Loads what captions need, if it is not loaded yet.
    ///
    /// # Errors
    /// [`Error::Request`] when the model does not caption; [`Error::Engine`] when a graph cannot be loaded.
    pub fn prepare_captions(&mut self) -> Result<(), Error> {
        if !self.captions() {
            return Err(self.cannot("this model answers questions but does not caption".to_string()));
        }
        load_once(&mut self.caption_decoder, || Decoder::load(&self.loader, "caption_decoder"))?;
        Ok(())
    }

    /// Loads what answers need, if it is not loaded yet.
    ///
    /// # Errors
    /// [`Error::Request`] when the model does not answer questions; [`Error::Engine`] when a graph cannot be loaded.
    pub fn prepare_answers(&mut self) -> Result<(), Error> {
        if !self.answers() {
            return Err(self.cannot("this model captions but does not answer questions".to_string()));
        }
        load_once(&mut self.question_encoder, || self.loader.graph("question_encoder"))?;
        load_once(&mut self.answer_decoder, || Decoder::load(&self.loader, "answer_decoder"))?;
        Ok(())
    }

    /// The execution provider of the vision encoder.
    pub fn provider(&self) -> &'static str {
        self.vision.provider()
    }

    /// Name of the model.
    pub fn name(&self) -> &str {
        &self.folder.common.name
    }

    /// A text graph that `prepare_*` loads was not there; a picture of another model was given.
    fn not_prepared(&self) -> Error {
        self.cannot("the picture was not encoded by this model".to_string())
    }

    fn cannot(&self, problem: String) -> Error {
        Error::Request { model: self.folder.common.name.clone(), problem }
    }
}
