//! The vision-language model's implementations of the capability traits.

use super::{VisionLanguageModel, check_files};
use crate::config::model_folder::{ModelFolder, VlmSpec};
use crate::config::{CaptionOptions, ReplyOptions, SearchOptions};
use crate::error::Error;
use crate::media::image::Pixels;
use crate::models::capability::{Answerer, Captioner, Chatter, Model, PictureEncoder};
use crate::models::chat::{Prompt, Reply};
use crate::models::kind::ModelKind;
use crate::models::loader::Loader;
use crate::models::picture::{Answer, Candidates, Caption, EncodedImage, RankedAnswer};

impl ModelKind for VisionLanguageModel {
    const KIND: &'static str = "vlm";

    type Spec = VlmSpec;

    fn load(loader: Loader) -> Result<Self, Error> {
        VisionLanguageModel::load(loader)
    }

    fn check_files(folder: &ModelFolder) -> Result<(), Error> {
        check_files(folder)
    }
}

impl Model for VisionLanguageModel {
    fn name(&self) -> &str {
        VisionLanguageModel::name(self)
    }

    fn provider(&self) -> &'static str {
        VisionLanguageModel::provider(self)
    }

    fn as_captioner(&self) -> Option<&dyn Captioner> {
        Some(self)
    }

    fn as_answerer(&self) -> Option<&dyn Answerer> {
        Some(self)
    }

    fn as_chatter(&self) -> Option<&dyn Chatter> {
        Some(self)
    }
}

impl PictureEncoder for VisionLanguageModel {
    fn encode_pixels(&self, pixels: Pixels) -> Result<EncodedImage, Error> {
        VisionLanguageModel::encode_pixels(self, &pixels)
    }
}

impl Captioner for VisionLanguageModel {
    fn prepare_captions(&self) -> Result<(), Error> {
        self.prepare()
    }

    fn caption(&self, image: &EncodedImage, options: &CaptionOptions) -> Result<Vec<Caption>, Error> {
        VisionLanguageModel::caption(self, image, options)
    }
}

impl Answerer for VisionLanguageModel {
    fn prepare_answers(&self) -> Result<(), Error> {
        self.prepare()
    }

    fn answer(&self, image: &EncodedImage, question: &str, options: &SearchOptions) -> Result<Answer, Error> {
        VisionLanguageModel::answer(self, image, question, options)
    }

    fn candidates(&self, texts: &[String]) -> Result<Candidates, Error> {
        VisionLanguageModel::candidates(self, texts)
    }

    fn rank(&self, image: &EncodedImage, question: &str, candidates: &Candidates) -> Result<Vec<RankedAnswer>, Error> {
        VisionLanguageModel::rank(self, image, question, candidates)
    }

    fn answer_provider(&self) -> &'static str {
        self.provider()
    }
}

impl Chatter for VisionLanguageModel {
    fn prepare_chat(&self) -> Result<(), Error> {
        self.language.prepare_chat()
    }

    fn chat(&self, prompt: Prompt, options: &ReplyOptions) -> Result<Reply, Error> {
        VisionLanguageModel::chat(self, prompt, options)
    }

    fn token_bytes(&self, id: i64) -> Vec<u8> {
        self.language.token_bytes(id)
    }
}
