//! BLIP-2: captions of pictures and answers about them, written by a large language model that reads the output of a
//! small query transformer (transformers' `Blip2ForConditionalGeneration`).
//!
//! A language model with an encoder (T5) attends to picture and prompt; one without (OPT) reads them before the text.

mod capabilities;
mod write;

use std::sync::Arc;

use image::RgbImage;
use ndarray::Array4;

use crate::config::model_folder::{Blip2Spec, ModelFolder};
use crate::config::{CaptionOptions, SearchOptions};
use crate::engine::{Graph, Tensor};
use crate::error::Error;
use crate::media::image::{PixelConfig, pixel_values};
use crate::models::generation::{Decoder, log_probabilities};
use crate::models::kind::ModelKind;
use crate::models::loader::{Lazy, Loader};
use crate::models::picture::{Answer, Candidates, Caption, EncodedImage, RankedAnswer};
use crate::models::vocabulary::Vocabulary;

/// A BLIP-2 model. The vision encoder is loaded at once, the language model when a task first needs it.
pub struct Blip2 {
    loader: Loader,
    folder: Arc<ModelFolder>,
    spec: Blip2Spec,
    vocabulary: Vocabulary,
    vision: Graph,
    text_encoder: Lazy<Graph>,
    decoder: Lazy<Decoder>,
}

impl Blip2 {
    /// Loads the vision encoder and the tokenizer.
    ///
    /// # Errors
    /// [`Error`] if the folder holds another kind of model, or a file of it cannot be loaded.
    pub fn load(loader: Loader) -> Result<Self, Error> {
        let folder = loader.folder().clone();
        let spec: &Blip2Spec = loader.spec(Self::KIND)?;
        Ok(Blip2 {
            spec: spec.clone(),
            vocabulary: Vocabulary::load(&folder, &spec.tokenizer)?,
            vision: loader.graph("vision")?,
            text_encoder: Lazy::new(),
            decoder: Lazy::new(),
            loader,
            folder,
        })
    }

    /// Loads the language model, if it is not loaded yet.
    ///
    /// # Errors
    /// [`Error::Engine`] if a graph cannot be loaded.
    pub fn prepare(&self) -> Result<(), Error> {
        if self.has_encoder() {
            self.text_encoder.get_or_load(|| self.loader.graph("text_encoder"))?;
        }
        self.decoder.get_or_load(|| Decoder::load(&self.loader, "decoder"))?;
        Ok(())
    }

    /// The execution provider of the vision encoder.
    pub fn provider(&self) -> &'static str {
        self.vision.provider()
    }

    /// Execution provider of the language model, or of the vision encoder until the language model is loaded.
    pub fn language_provider(&self) -> &'static str {
        self.decoder.get().map_or(self.provider(), |decoder| decoder.provider())
    }

    /// Name of the model.
    pub fn name(&self) -> &str {
        &self.folder.common.name
    }

    /// Runs the vision encoder.
    ///
    /// # Errors
    /// [`Error::Engine`] if the graph fails.
    pub fn encode(&self, image: &RgbImage) -> Result<EncodedImage, Error> {
        self.encode_pixels(pixel_values(image, &PixelConfig::from(&self.spec.image)))
    }

    /// [`Blip2::encode`] for the output of [`pixel_values`]: `[1, 3, height, width]`.
    ///
    /// # Errors
    /// As [`Blip2::encode`].
    pub fn encode_pixels(&self, pixels: Array4<f32>) -> Result<EncodedImage, Error> {
        let mut outputs = self.vision.run(&[("pixel_values", &[Tensor::float(pixels)?])])?;
        let shape = &self.folder.common.graphs["vision"].outputs["image_embeds"];
        Ok(EncodedImage::of_embeddings(outputs.take_one("image_embeds", &[Some(1), shape.fixed(1), shape.fixed(2)])?))
    }

    /// Captions a picture; a prompt is continued by the language model. Returns as many captions as `options` asks for,
    /// best first. If the language model has no encoder, a caption begins with the prompt.
    ///
    /// # Errors
    /// [`Error::Input`] if the prompt is too long; [`Error::Engine`] if a graph fails.
    pub fn caption(&self, image: &EncodedImage, options: &CaptionOptions) -> Result<Vec<Caption>, Error> {
        let prompt = self.prompt(options.prompt.as_deref().map(str::trim).filter(|text| !text.is_empty()))?;
        let limit = options.search.max_tokens.unwrap_or(self.spec.generation.caption_max_tokens);
        let written = self.writing(image, &prompt.ids)?.write(limit, options.captions, &options.search)?;
        let given = if self.has_encoder() { &[] } else { prompt.own() };
        let provider = self.language_provider();
        Caption::all(given, written, &self.vocabulary, provider)
    }

    /// Answers a question about a picture. The question is put into the prompt template of the model folder.
    ///
    /// # Errors
    /// [`Error::Input`] if the question is empty or too long; [`Error::Engine`] if a graph fails.
    pub fn answer(&self, image: &EncodedImage, question: &str, options: &SearchOptions) -> Result<Answer, Error> {
        let prompt = self.question(question)?;
        let limit = options.max_tokens.unwrap_or(self.spec.generation.answer_max_tokens);
        let written = self.writing(image, &prompt.ids)?.write(limit, 1, options)?.into_iter().next();
        let (tokens, log_probability) = written.map(|it| (it.tokens, it.log_probability)).unwrap_or_default();
        let provider = self.language_provider();
        Ok(Answer { text: self.vocabulary.decode(&tokens)?, tokens, log_probability, provider })
    }

    /// Prepares candidate answers for [`Blip2::rank`], as [`Blip::candidates`](crate::models::blip::Blip::candidates).
    ///
    /// # Errors
    /// [`Error::Request`] if an answer is too long, or no answer is left.
    pub fn candidates(&self, texts: &[String]) -> Result<Candidates, Error> {
        // After a prompt the next word begins with a space, which is part of its token.
        let space = if self.has_encoder() { "" } else { " " };
        let encode = |text: &str| match text.trim() {
            "" => Ok(Vec::new()),
            text => self.vocabulary.encode(&format!("{space}{text}"), false),
        };
        Candidates::read(texts, self.spec.generation.max_tokens / 2, self.name(), encode)
    }

    /// Probabilities of the candidate answers, most probable first.
    ///
    /// # Errors
    /// As [`Blip2::answer`].
    pub fn rank(
        &self,
        image: &EncodedImage,
        question: &str,
        candidates: &Candidates,
    ) -> Result<Vec<RankedAnswer>, Error> {
        let prompt = self.question(question)?;
        let end = self.spec.tokens.end;
        let longest = candidates.tokens().iter().map(Vec::len).max().unwrap_or(0);
        let writing = self.writing(image, &prompt.ids)?;
        if longest > writing.room() {
            let problem =
                format!("question and answers have too many tokens for the model: {}", prompt.ids.len() + longest);
            return Err(Error::Input { problem });
        }
        let found =
            log_probabilities(writing.decoder, writing.about.source(), writing.first, end, candidates.tokens())?;
        Ok(RankedAnswer::ranked(found))
    }

    /// Whether the language model has an encoder that reads picture and prompt.
    fn has_encoder(&self) -> bool {
        self.folder.common.graphs.contains_key("text_encoder")
    }
}
