//! BLIP-2's implementations of the capability traits.

use super::Blip2;
use crate::config::model_folder::Blip2Spec;
use crate::config::{CaptionOptions, SearchOptions};
use crate::error::Error;
use crate::media::image::Pixels;
use crate::models::capability::{Answerer, Captioner, Model, PictureEncoder};
use crate::models::kind::ModelKind;
use crate::models::loader::Loader;
use crate::models::picture::{Answer, Candidates, Caption, EncodedImage, RankedAnswer};

impl ModelKind for Blip2 {
    const KIND: &'static str = "blip2";

    type Spec = Blip2Spec;

    fn load(loader: Loader) -> Result<Self, Error> {
        Blip2::load(loader)
    }
}

impl Model for Blip2 {
    fn name(&self) -> &str {
        Blip2::name(self)
    }

    fn provider(&self) -> &'static str {
        Blip2::provider(self)
    }

    fn as_captioner(&self) -> Option<&dyn Captioner> {
        Some(self)
    }

    fn as_answerer(&self) -> Option<&dyn Answerer> {
        Some(self)
    }
}

impl PictureEncoder for Blip2 {
    fn encode_pixels(&self, pixels: Pixels) -> Result<EncodedImage, Error> {
        Blip2::encode_pixels(self, pixels.values)
    }
}

impl Captioner for Blip2 {
    fn prepare_captions(&self) -> Result<(), Error> {
        self.prepare()
    }

    fn caption(&self, image: &EncodedImage, options: &CaptionOptions) -> Result<Vec<Caption>, Error> {
        Blip2::caption(self, image, options)
    }
}

impl Answerer for Blip2 {
    fn prepare_answers(&self) -> Result<(), Error> {
        self.prepare()
    }

    fn answer(&self, image: &EncodedImage, question: &str, options: &SearchOptions) -> Result<Answer, Error> {
        Blip2::answer(self, image, question, options)
    }

    fn candidates(&self, texts: &[String]) -> Result<Candidates, Error> {
        Blip2::candidates(self, texts)
    }

    fn rank(&self, image: &EncodedImage, question: &str, candidates: &Candidates) -> Result<Vec<RankedAnswer>, Error> {
        Blip2::rank(self, image, question, candidates)
    }

    fn answer_provider(&self) -> &'static str {
        self.language_provider()
    }
}
