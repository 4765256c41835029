//! BLIP's implementations of the capability traits.

use super::Blip;
use super::embed::EMBEDDED;
use crate::config::model_folder::{BlipSpec, Modality};
use crate::config::{CaptionOptions, SearchOptions};
use crate::error::Error;
use crate::media::image::{PixelConfig, Pixels};
use crate::models::capability::{Answerer, Captioner, Embedder, Matcher, Model, PictureEncoder};
use crate::models::embedding::{EmbedInputs, InputEmbeddings};
use crate::models::kind::ModelKind;
use crate::models::loader::Loader;
use crate::models::picture::{Answer, Candidates, Caption, EncodedImage, Match, MatchTexts, RankedAnswer};

impl ModelKind for Blip {
    const KIND: &'static str = "blip";

    type Spec = BlipSpec;

    fn load(loader: Loader) -> Result<Self, Error> {
        Blip::load(loader)
    }
}

impl Model for Blip {
    fn name(&self) -> &str {
        Blip::name(self)
    }

    fn provider(&self) -> &'static str {
        Blip::provider(self)
    }

    fn as_captioner(&self) -> Option<&dyn Captioner> {
        Some(self)
    }

    fn as_answerer(&self) -> Option<&dyn Answerer> {
        Some(self)
    }

    fn as_matcher(&self) -> Option<&dyn Matcher> {
        Some(self)
    }

    fn as_embedder(&self) -> Option<&dyn Embedder> {
        Some(self)
    }
}

impl PictureEncoder for Blip {
    fn encode_pixels(&self, pixels: Pixels) -> Result<EncodedImage, Error> {
        Blip::encode_pixels(self, pixels.values)
    }
}

impl Captioner for Blip {
    fn prepare_captions(&self) -> Result<(), Error> {
        Blip::prepare_captions(self)
    }

    fn caption(&self, image: &EncodedImage, options: &CaptionOptions) -> Result<Vec<Caption>, Error> {
        Blip::caption(self, image, options)
    }
}

impl Answerer for Blip {
    fn prepare_answers(&self) -> Result<(), Error> {
        Blip::prepare_answers(self)
    }

    fn answer(&self, image: &EncodedImage, question: &str, options: &SearchOptions) -> Result<Answer, Error> {
        Blip::answer(self, image, question, options)
    }

    fn candidates(&self, texts: &[String]) -> Result<Candidates, Error> {
        Blip::candidates(self, texts)
    }

    fn rank(&self, image: &EncodedImage, question: &str, candidates: &Candidates) -> Result<Vec<RankedAnswer>, Error> {
        Blip::rank(self, image, question, candidates)
    }

    fn answer_provider(&self) -> &'static str {
        Blip::answer_provider(self)
    }
}

impl Matcher for Blip {
    fn prepare_matching(&self) -> Result<(), Error> {
        Blip::prepare_matching(self)
    }

    fn match_list(&self, texts: &[String]) -> Result<MatchTexts, Error> {
        Blip::match_list(self, texts)
    }

    fn match_texts(&self, image: &EncodedImage, texts: &MatchTexts) -> Result<Vec<Match>, Error> {
        Blip::match_texts(self, image, texts)
    }

    fn match_provider(&self) -> &'static str {
        Blip::match_provider(self)
    }
}

impl Embedder for Blip {
    fn embeds(&self) -> Vec<Modality> {
        EMBEDDED.to_vec()
    }

    fn view(&self) -> Option<PixelConfig> {
        Some(PixelConfig::from(&self.spec.image))
    }

    fn sound(&self) -> Option<(u32, u32)> {
        None
    }

    fn picture_encoder(&self) -> Option<&dyn PictureEncoder> {
        Some(self)
    }

    fn prepare_embeddings(&self) -> Result<(), Error> {
        Blip::prepare_embeddings(self)
    }

    fn embed(&self, inputs: &EmbedInputs) -> Result<InputEmbeddings, Error> {
        Blip::embed(self, inputs)
    }
}
