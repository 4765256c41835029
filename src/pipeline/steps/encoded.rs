//! Embeddings that encoders compute for a student, from a record's picture, text and sound.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use super::Context;
use super::seen::ReadPicture;
use crate::config::model_folder::Modality;
use crate::error::Error;
use crate::models::FeatureSource;
use crate::models::capability::{Decider, Embedder};
use crate::models::embedding::EmbedInputs;

/// The encoders that a record needs.
pub(super) struct Encoders {
    user: &'static str,
    sources: BTreeMap<Modality, FeatureSource>,
    /// The modalities whose embedding the record itself contains, so that no encoder computes it.
    given: Vec<Modality>,
}

/// What encoders computed.
#[derive(Default)]
pub(super) struct Encoded {
    numbers: BTreeMap<Modality, Vec<f32>>,
    /// The name of the model that computed them, by the modality's.
    pub by: BTreeMap<String, String>,
    /// How long that took, with reading and without loading models.
    pub took: Duration,
}

/// The features of one input, and the name of the model that computed them.
type Features = Option<(String, Vec<f32>)>;

impl Encoders {
    /// The encoders of the student that [`Models::lease`](crate::models::Models::lease) would lease, for what the record
    /// has of picture, text and sound.
    pub fn of(context: &Context, named: Option<&str>, user: &'static str) -> Result<Self, Error> {
        let record = context.record;
        let (image, audio) = (context.sources.has_image(), context.sources.has_audio());
        // A sound may become a text.
        let text = record.text.is_some() || audio || context.transcript().is_some();
        let (mut sources, mut given) = (BTreeMap::new(), Vec::new());
        for (modality, present, embedding) in [
            (Modality::Image, image, &record.image_embedding),
            (Modality::Text, text, &record.text_embedding),
            (Modality::Audio, audio, &record.audio_embedding),
        ] {
            if !present {
                continue;
            }
            match (context.models.feature_source::<dyn Decider>(named, modality, user), embedding) {
                (Ok(None), _) => {}
                (Ok(Some(source)), None) => drop(sources.insert(modality, source)),
                (Err(error), None) => return Err(error),
                // An encoder that nobody needs may be missing.
                (Ok(Some(_)) | Err(_), Some(_)) => given.push(modality),
            }
        }
        Ok(Encoders { user, sources, given })
    }

    /// Whether an encoder accepts the modality for the student.
    pub fn accept(&self, modality: Modality) -> bool {
        self.sources.contains_key(&modality)
    }

    /// Whether the record has both: what an encoder accepts, and the embedding that it would compute.
    pub fn replaced(&self, modality: Modality) -> bool {
        self.given.contains(&modality)
    }

    /// Encodes the record's picture and sound, and `text`.
    pub fn encode(&self, context: &mut Context, text: Option<&str>) -> Result<Encoded, Error> {
        let mut encoded = Encoded::default();
        for (modality, source) in &self.sources {
            let took = &mut encoded.took;
            let found = match (modality, text) {
                (Modality::Image, _) => self.picture(context, &source.key, took)?,
                (Modality::Audio, _) => self.sound(context, &source.key, took)?,
                (Modality::Text, Some(text)) => self.text(context, &source.key, text, took)?,
                (Modality::Text, None) | (Modality::Sensors, _) => None,
            };
            let Some((name, numbers)) = found else { continue };
            encoded.by.insert(modality.name().to_string(), name);
            encoded.numbers.insert(*modality, numbers);
            context.sources.warn(Path::new(&context.record.name()), &source.warning);
        }
        for modality in self.given.iter().filter(|modality| **modality != Modality::Text || text.is_some()) {
            let name = modality.name();
            let warning = format!("the {name} is not encoded, because the record has an {name}_embedding");
            context.sources.warn(Path::new(&context.record.name()), [warning]);
        }
        Ok(encoded)
    }

    /// The picture's features; the run of the encoder is shared with steps that use the same model.
    fn picture(&self, context: &mut Context, key: &str, took: &mut Duration) -> Result<Features, Error> {
        let started = Instant::now();
        let Some(read) = ReadPicture::read::<dyn Embedder>(context, Some(key), self.user)? else { return Ok(None) };
        *took += started.elapsed();
        let model = context.models.lease::<dyn Embedder>(Some(key), self.user)?;
        let started = Instant::now();
        let numbers = match model.picture_encoder() {
            Some(encoder) => read.encoded(context, encoder)?.and_then(|image| image.features().map(<[f32]>::to_vec)),
            None => {
                let image = read.pixels(context)?;
                model.features(&EmbedInputs { image, ..EmbedInputs::default() })?.image
            }
        };
        *took += started.elapsed();
        Ok(numbers.map(|numbers| (model.name().to_string(), numbers)))
    }

    fn text(&self, context: &Context, key: &str, text: &str, took: &mut Duration) -> Result<Features, Error> {
        let model = context.models.lease::<dyn Embedder>(Some(key), self.user)?;
        let started = Instant::now();
        let found = model.features(&EmbedInputs { text: Some(text), ..EmbedInputs::default() })?.text;
        *took += started.elapsed();
        Ok(found.map(|numbers| (model.name().to_string(), numbers)))
    }

    fn sound(&self, context: &mut Context, key: &str, took: &mut Duration) -> Result<Features, Error> {
        let model = context.models.lease::<dyn Embedder>(Some(key), self.user)?;
        let started = Instant::now();
        let Some((rate, seconds)) = model.sound() else { return Ok(None) };
        let Some(samples) = context.sources.sound(rate, seconds)? else { return Ok(None) };
        let found = model.features(&EmbedInputs { audio: Some(samples), ..EmbedInputs::default() })?.audio;
        *took += started.elapsed();
        Ok(found.map(|numbers| (model.name().to_string(), numbers)))
    }
}

impl Encoded {
    /// The embedding of a modality, if an encoder computed it.
    pub fn get(&self, modality: Modality) -> Option<&[f32]> {
        self.numbers.get(&modality).map(Vec::as_slice)
    }
}
