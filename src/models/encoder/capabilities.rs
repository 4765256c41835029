//! An encoder's implementations of the capability traits.

use super::Encoder;
use crate::config::TextRole;
use crate::config::model_folder::{EncoderSpec, Modality, ModelFolder};
use crate::engine::Graph;
use crate::error::Error;
use crate::media::image::{PixelConfig, Pixels};
use crate::models::capability::{Classifier, Embedder, Matcher, Model, PictureEncoder};
use crate::models::embedding::{EmbedInputs, InputEmbeddings};
use crate::models::kind::ModelKind;
use crate::models::loader::Loader;
use crate::models::picture::{EncodedImage, Match, MatchTexts, PictureClass};
use crate::models::vocabulary::Vocabulary;

impl ModelKind for Encoder {
    const KIND: &'static str = "encoder";

    type Spec = EncoderSpec;

    fn load(loader: Loader) -> Result<Self, Error> {
        Encoder::load(loader)
    }

    fn check_files(folder: &ModelFolder) -> Result<(), Error> {
        if let Some(spec) = folder.spec::<EncoderSpec>() {
            super::classes::read(folder, spec)?;
        }
        folder.spec.tokenizer().map_or(Ok(()), |tokenizer| Vocabulary::load(folder, tokenizer).map(drop))
    }
}

impl Encoder {
    fn sees(&self) -> bool {
        self.embeds().contains(&Modality::Image)
    }
}

impl Model for Encoder {
    fn name(&self) -> &str {
        Encoder::name(self)
    }

    fn provider(&self) -> &'static str {
        Encoder::provider(self)
    }

    fn as_classifier(&self) -> Option<&dyn Classifier> {
        (!self.classes().is_empty()).then_some(self)
    }

    fn as_matcher(&self) -> Option<&dyn Matcher> {
        (self.sees() && self.embeds().contains(&Modality::Text)).then_some(self)
    }

    fn as_embedder(&self) -> Option<&dyn Embedder> {
        Some(self)
    }
}

impl PictureEncoder for Encoder {
    fn encode_pixels(&self, pixels: Pixels) -> Result<EncodedImage, Error> {
        Encoder::encode_pixels(self, pixels.values)
    }
}

impl Classifier for Encoder {
    fn classes(&self) -> &[String] {
        Encoder::classes(self)
    }

    fn classify(&self, image: &EncodedImage, top: usize) -> Result<Vec<PictureClass>, Error> {
        Encoder::classify(self, image, top)
    }
}

impl Matcher for Encoder {
    fn prepare_matching(&self) -> Result<(), Error> {
        self.tower(Modality::Text)?;
        Ok(())
    }

    fn match_list(&self, texts: &[String]) -> Result<MatchTexts, Error> {
        self.texts(texts, TextRole::Query)
    }

    fn match_texts(&self, image: &EncodedImage, texts: &MatchTexts) -> Result<Vec<Match>, Error> {
        Encoder::match_texts(self, image, texts)
    }

    fn match_provider(&self) -> &'static str {
        self.text.get().map_or(self.provider(), Graph::provider)
    }
}

impl Embedder for Encoder {
    fn embeds(&self) -> Vec<Modality> {
        Encoder::embeds(self)
    }

    fn view(&self) -> Option<PixelConfig> {
        self.spec.image.as_ref().map(PixelConfig::from)
    }

    fn sound(&self) -> Option<(u32, u32)> {
        self.spec.audio.as_ref().map(|audio| (audio.sample_rate, audio.chunk_seconds))
    }

    fn picture_encoder(&self) -> Option<&dyn PictureEncoder> {
        self.sees().then_some(self)
    }

    /// Nothing: a graph is loaded when an input needs it, since many users embed either pictures or texts.
    fn prepare_embeddings(&self) -> Result<(), Error> {
        Ok(())
    }

    fn embed(&self, inputs: &EmbedInputs) -> Result<InputEmbeddings, Error> {
        Encoder::embed(self, inputs)
    }

    fn features(&self, inputs: &EmbedInputs) -> Result<InputEmbeddings, Error> {
        Encoder::features(self, inputs)
    }
}
