//! Encoders: one graph for each of pictures, texts and sounds that a model turns into vectors of one space.
//!
//! | module | role |
//! |---|---|
//! | `picture` | a picture to its embedding and the probabilities of its classes |
//! | `text`, `sound` | texts and sounds to embeddings |
//! | `classes` | names of the classes |
//! | `capabilities` | implementations of the capability traits |

mod capabilities;
mod classes;
mod picture;
mod sound;
mod text;

use std::sync::Arc;

use crate::config::model_folder::{EncoderSpec, Modality, ModelFolder};
use crate::engine::{EngineError, Graph};
use crate::error::Error;
use crate::media::audio::LogMel;
use crate::models::embedding::{EmbedInputs, InputEmbeddings};
use crate::models::kind::ModelKind;
use crate::models::loader::{Lazy, Loader};
use crate::models::vocabulary::Vocabulary;

/// A model of pictures, texts or sounds to vectors. The first of its graphs is loaded at once, the others when an input
/// needs them.
pub struct Encoder {
    loader: Loader,
    folder: Arc<ModelFolder>,
    spec: EncoderSpec,
    classes: Vec<String>,
    vocabulary: Option<Vocabulary>,
    log_mel: Option<LogMel>,
    picture: Lazy<Graph>,
    text: Lazy<Graph>,
    sound: Lazy<Graph>,
}

impl Encoder {
    /// Loads the first graph, and what belongs to the others except the graphs themselves.
    ///
    /// # Errors
    /// [`Error`] if the folder holds another kind of model, or a file of it cannot be loaded.
    pub fn load(loader: Loader) -> Result<Self, Error> {
        let folder = loader.folder().clone();
        let spec: &EncoderSpec = loader.spec(Self::KIND)?;
        let encoder = Encoder {
            classes: classes::read(&folder, spec)?,
            vocabulary: spec.tokenizer.as_ref().map(|file| Vocabulary::load(&folder, file)).transpose()?,
            log_mel: spec.audio.as_ref().map(|audio| loader.log_mel(audio)).transpose()?,
            picture: Lazy::new(),
            text: Lazy::new(),
            sound: Lazy::new(),
            spec: spec.clone(),
            loader,
            folder,
        };
        if let Some(&first) = encoder.embeds().first() {
            encoder.tower(first)?;
        }
        Ok(encoder)
    }

    /// Name of the model.
    pub fn name(&self) -> &str {
        &self.folder.common.name
    }

    /// The modalities that it embeds: some of picture, text and sound.
    pub fn embeds(&self) -> Vec<Modality> {
        EncoderSpec::embeds(&self.folder.common.graphs)
    }

    /// The execution provider of the first graph.
    pub fn provider(&self) -> &'static str {
        let first = self.picture.get().or(self.text.get()).or(self.sound.get());
        // A folder has at least one graph, and `load` loads it.
        first.map_or("", Graph::provider)
    }

    /// Embeds each of the inputs: vectors of length 1.
    ///
    /// # Errors
    /// [`Error::Input`] if there is no input, the model does not embed one, or a text or sound is empty or too long;
    /// [`Error::Engine`] if a graph cannot be loaded or fails.
    pub fn embed(&self, inputs: &EmbedInputs) -> Result<InputEmbeddings, Error> {
        let mut found = self.features(inputs)?;
        for embedding in [&mut found.image, &mut found.text, &mut found.audio].into_iter().flatten() {
            to_unit_length(embedding);
        }
        Ok(found)
    }

    /// Encodes each of the inputs, as the model's own code does: the vectors need not be of length 1.
    ///
    /// # Errors
    /// As [`Encoder::embed`].
    pub fn features(&self, inputs: &EmbedInputs) -> Result<InputEmbeddings, Error> {
        inputs.check(self.name(), &self.embeds())?;
        let mut found = InputEmbeddings::default();
        if let Some(samples) = inputs.audio {
            found.audio = Some(self.encode_sound(samples)?);
        }
        if let Some(text) = inputs.text {
            let texts = self.texts(&[text.to_string()], inputs.text_role)?;
            self.encode_texts(&texts)?;
            found.text = texts.embeddings().map(|embeddings| embeddings.iter().copied().collect());
            found.text_tokens = texts.tokens.first().map(Vec::len);
        }
        if let Some(pixels) = inputs.image {
            found.image = self.encode_picture(pixels.clone())?.features;
        }
        let first = self.embeds().into_iter().find(|modality| inputs.has(*modality));
        found.provider = first.map(|modality| self.tower(modality)).transpose()?.map_or("", Graph::provider);
        Ok(found)
    }

    /// The graph for one modality, loaded if it is not yet.
    fn tower(&self, modality: Modality) -> Result<&Graph, EngineError> {
        let (graph, role) = match modality {
            Modality::Text => (&self.text, "text"),
            Modality::Audio => (&self.sound, "sound"),
            Modality::Image | Modality::Sensors => (&self.picture, "picture"),
        };
        graph.get_or_load(|| self.loader.graph(role))
    }

    /// Length of the output `embedding` of a graph.
    fn length(&self, role: &str) -> Option<usize> {
        self.folder.common.graphs.get(role)?.outputs.get("embedding")?.fixed(1)
    }

    /// Error for a task that the folder's graphs cannot do.
    fn cannot(&self, problem: &str) -> Error {
        Error::Request { model: self.name().to_string(), problem: problem.to_string() }
    }
}

/// Divides a vector by its length; one of zeros stays as it is.
fn to_unit_length(vector: &mut [f32]) {
    let length = vector.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value = (f64::from(*value) / length) as f32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_get_unit_length_unless_they_are_zero() {
        let mut vector = vec![3e30, -4e30];
        to_unit_length(&mut vector);
        assert!((vector[0] - 0.6).abs() < 1e-6 && (vector[1] + 0.8).abs() < 1e-6, "{vector:?}");
        let mut zero = vec![0.0; 3];
        to_unit_length(&mut zero);
        assert_eq!(zero, [0.0; 3]);
    }
}
