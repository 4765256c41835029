//! The student: one small graph that fuses picture, text, sound and sensors into a decision.

mod embed;
mod inputs;
mod run;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::model_folder::{ModelFolder, StudentInput, StudentSpec};
use crate::engine::{EngineError, Graph};
use crate::error::Error;
use crate::media::audio::LogMel;
use crate::media::image::PixelConfig;
use crate::models::batches::Batches;
use crate::models::capability::{Decider, Embedder, Model};
use crate::models::fusion::{Embeddings, Fusion, FusionInputs};
use crate::models::generation::{argmax, softmax};
use crate::models::kind::ModelKind;
use crate::models::loader::Loader;
use crate::models::vocabulary::Vocabulary;
use run::{Feed, RowOutputs};

/// A student model.
pub struct Student {
    folder: Arc<ModelFolder>,
    spec: StudentSpec,
    vocabulary: Option<Vocabulary>,
    log_mel: Option<LogMel>,
    graph: Graph,
    /// Callers that wait for the graph, if it can run several records at once.
    batches: Option<Batches<Feed, RowOutputs>>,
}

impl Student {
    /// Loads the graph, and the tokenizer if the student accepts text.
    ///
    /// # Errors
    /// [`Error`] if the folder holds another kind of model, or a file of it cannot be loaded.
    pub fn load(loader: Loader) -> Result<Self, Error> {
        let folder = loader.folder().clone();
        let spec: &StudentSpec = loader.spec(Self::KIND)?;
        let tokenizer = spec.tokenizer.as_ref().filter(|_| spec.takes(StudentInput::Text));
        Ok(Student {
            vocabulary: tokenizer.map(|file| Vocabulary::load(&folder, file)).transpose()?,
            log_mel: spec.audio.as_ref().map(|audio| loader.log_mel(audio)).transpose()?,
            graph: loader.graph("student")?,
            batches: run::can_batch(&loader).then(Batches::new),
            spec: spec.clone(),
            folder,
        })
    }

    /// Whether the student accepts this input.
    pub fn takes(&self, input: StudentInput) -> bool {
        self.spec.takes(input)
    }

    /// Error for an input that the student does not accept.
    pub fn untaken(&self, input: StudentInput) -> Error {
        let (name, taken) = (self.name(), self.taken());
        Error::Input { problem: format!("student `{name}` does not accept {}; it accepts {taken}", input.name()) }
    }

    /// `image, text_embedding`
    fn taken(&self) -> String {
        self.spec.inputs().map(StudentInput::name).collect::<Vec<_>>().join(", ")
    }

    /// Preprocessing of a picture's pixels; `None` if the student does not accept pictures.
    pub fn view(&self) -> Option<PixelConfig> {
        self.spec.image.as_ref().map(PixelConfig::from)
    }

    /// Sample rate in Hz; `None` if the student does not accept sound.
    pub fn sample_rate(&self) -> Option<u32> {
        self.spec.audio.as_ref().map(|audio| audio.sample_rate)
    }

    /// Maximum duration of sound in seconds; `None` if the student does not accept sound.
    pub fn longest_sound(&self) -> Option<u32> {
        self.spec.audio.as_ref().map(|audio| audio.chunk_seconds)
    }

    /// The execution provider of the graph.
    pub fn provider(&self) -> &'static str {
        self.graph.provider()
    }

    /// Name of the model.
    pub fn name(&self) -> &str {
        &self.folder.common.name
    }

    /// Decides from any subset of the inputs.
    ///
    /// # Errors
    /// [`Error::Input`] if there is no input, the student does not accept one, a text or sound is too long, or numbers
    /// do not fit; [`Error::Engine`] if the graph fails.
    pub fn fuse(&self, inputs: &FusionInputs) -> Result<Fusion, Error> {
        let present = inputs.present();
        if present.is_empty() {
            let problem = format!("nothing to fuse; the student accepts {}", self.taken());
            return Err(Error::Input { problem });
        }
        if let Some(&foreign) = present.iter().find(|&&input| !self.takes(input)) {
            return Err(self.untaken(foreign));
        }
        let mut outputs = self.run(inputs)?;
        let mut probabilities = outputs.take("logits", Some(self.spec.labels.len()))?;
        softmax(&mut probabilities);
        let best = argmax(&probabilities);
        let mut ranked: Vec<(String, f32)> =
            self.spec.labels.iter().cloned().zip(probabilities.iter().copied()).collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        let modalities: Vec<_> = present.iter().map(|input| input.modality()).collect();
        let of_modalities = modalities
            .iter()
            .map(|&modality| Ok((modality.name().to_string(), outputs.embedding(modality)?)))
            .collect::<Result<_, EngineError>>()?;
        Ok(Fusion {
            label: self.spec.labels[best].clone(),
            confidence: probabilities[best],
            probabilities: ranked,
            modalities: modalities.iter().map(|modality| modality.name().to_string()).collect(),
            encoders: BTreeMap::new(),
            embeddings: Some(Embeddings { fused: outputs.take("embedding", None)?, modalities: of_modalities }),
        })
    }
}

impl ModelKind for Student {
    const KIND: &'static str = "student";

    type Spec = StudentSpec;

    fn load(loader: Loader) -> Result<Self, Error> {
        Student::load(loader)
    }
}

impl Model for Student {
    fn name(&self) -> &str {
        Student::name(self)
    }

    fn provider(&self) -> &'static str {
        Student::provider(self)
    }

    fn as_embedder(&self) -> Option<&dyn Embedder> {
        Some(self)
    }

    fn as_decider(&self) -> Option<&dyn Decider> {
        Some(self)
    }
}

impl Decider for Student {
    fn takes(&self, input: StudentInput) -> bool {
        Student::takes(self, input)
    }

    fn untaken(&self, input: StudentInput) -> Error {
        Student::untaken(self, input)
    }

    fn view(&self) -> Option<PixelConfig> {
        Student::view(self)
    }

    fn sound(&self) -> Option<(u32, u32)> {
        self.sample_rate().zip(self.longest_sound())
    }

    fn fuse(&self, inputs: &FusionInputs) -> Result<Fusion, Error> {
        Student::fuse(self, inputs)
    }
}
