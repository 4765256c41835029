//! BLIP: captions of pictures, answers to questions about them, and image-text matching.

mod answer;
mod capabilities;
mod caption;
mod embed;
mod image;
mod matching;

use std::sync::Arc;

use crate::config::model_folder::{BlipSpec, ModelFolder};
use crate::engine::Graph;
use crate::error::Error;
use crate::models::generation::Decoder;
use crate::models::kind::ModelKind;
use crate::models::loader::{Lazy, Loader};
use crate::models::vocabulary::Vocabulary;

/// A BLIP model. The vision encoder is loaded at once, each text graph when a task first needs it.
pub struct Blip {
    loader: Loader,
    folder: Arc<ModelFolder>,
    spec: BlipSpec,
    vocabulary: Vocabulary,
    vision: Graph,
    caption_decoder: Lazy<Decoder>,
    question_encoder: Lazy<Graph>,
    answer_decoder: Lazy<Decoder>,
    match_encoder: Lazy<Graph>,
    text_encoder: Lazy<Graph>,
}

impl Blip {
    /// Loads the vision encoder and the tokenizer.
    ///
    /// # Errors
    /// [`Error`] if the folder holds another kind of model, or a file of it cannot be loaded.
    pub fn load(loader: Loader) -> Result<Self, Error> {
        let folder = loader.folder().clone();
        let spec: &BlipSpec = loader.spec(Self::KIND)?;
        Ok(Blip {
            spec: spec.clone(),
            vocabulary: Vocabulary::load(&folder, &spec.tokenizer)?,
            vision: loader.graph("vision")?,
            caption_decoder: Lazy::new(),
            question_encoder: Lazy::new(),
            answer_decoder: Lazy::new(),
            match_encoder: Lazy::new(),
            text_encoder: Lazy::new(),
            loader,
            folder,
        })
    }

    /// Whether the model captions pictures.
    pub fn captions(&self) -> bool {
        self.has("caption_decoder")
    }

    /// Whether the model answers questions.
    pub fn answers(&self) -> bool {
        self.has("question_encoder")
    }

    /// Whether the model scores how well texts fit a picture.
    pub fn matches(&self) -> bool {
        self.has("match_encoder") || self.has("text_encoder")
    }

    fn has(&self, graph: &str) -> bool {
        self.folder.common.graphs.contains_key(graph)
    }

    /// Loads the graphs for captions, if they are not loaded yet.
    ///
    /// # Errors
    /// [`Error::Request`] if the model does not caption; [`Error::Engine`] if a graph cannot be loaded.
    pub fn prepare_captions(&self) -> Result<(), Error> {
        if !self.captions() {
            return Err(self.lacks("caption pictures", "caption_decoder"));
        }
        self.caption_decoder.get_or_load(|| Decoder::load(&self.loader, "caption_decoder"))?;
        Ok(())
    }

    /// Loads the graphs for answers, if they are not loaded yet.
    ///
    /// # Errors
    /// [`Error::Request`] if the model does not answer questions; [`Error::Engine`] if a graph cannot be loaded.
    pub fn prepare_answers(&self) -> Result<(), Error> {
        if !self.answers() {
            return Err(self.lacks("answer questions", "question_encoder"));
        }
        self.question_encoder.get_or_load(|| self.loader.graph("question_encoder"))?;
        self.answer_decoder.get_or_load(|| Decoder::load(&self.loader, "answer_decoder"))?;
        Ok(())
    }

    /// Loads the graphs for matching, if they are not loaded yet.
    ///
    /// # Errors
    /// [`Error::Request`] if the model does not match; [`Error::Engine`] if a graph cannot be loaded.
    pub fn prepare_matching(&self) -> Result<(), Error> {
        if !self.matches() {
            return Err(self.lacks("match texts", "match_encoder` or `text_encoder"));
        }
        if self.has("match_encoder") {
            self.match_encoder.get_or_load(|| self.loader.graph("match_encoder"))?;
        }
        if self.has("text_encoder") {
            self.text_encoder.get_or_load(|| self.loader.graph("text_encoder"))?;
        }
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

    /// Error for a picture that another model encoded.
    fn not_prepared(&self) -> Error {
        self.cannot("the picture was not encoded by this model".to_string())
    }

    /// Error for a task whose graph is not in the folder.
    fn lacks(&self, task: &str, graph: &str) -> Error {
        let tasks = [
            (self.captions(), "captions pictures"),
            (self.answers(), "answers questions"),
            (self.matches(), "matches texts"),
        ];
        let can: Vec<&str> = tasks.into_iter().filter(|(can, _)| *can).map(|(_, task)| task).collect();
        let can = can.join(" and ");
        self.cannot(format!("this model {can} but does not {task} (no graph `{graph}` in its folder)"))
    }

    fn cannot(&self, problem: String) -> Error {
        Error::Request { model: self.folder.common.name.clone(), problem }
    }
}
