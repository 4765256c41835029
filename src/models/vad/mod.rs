//! Voice activity detection: where in a recording somebody speaks. The network is Silero VAD's; its options have the
//! meaning they have in its `get_speech_timestamps`, which faster-whisper uses too.
//!
//! ```no_run
//! # use edgefuse::{config::VadOptions, error::Error, models::vad::{SpeechDetector, Vad}};
//! # fn speech(vad: &Vad, blocks: &[Vec<f32>]) -> Result<(), Error> {
//! let mut detector = SpeechDetector::new(vad, &VadOptions::default())?;
//! for block in blocks {
//!     for stretch in detector.push(vad, block)? {
//!         println!("speech from sample {} to {}", stretch.start, stretch.end);
//!     }
//! }
//! let last = detector.finish(vad)?;
//! # Ok(()) }
//! ```

mod detector;
mod levelled;
mod padding;
mod probabilities;
mod speech_map;
mod stretch;
mod stretches;
mod utterances;
mod windows;

use std::sync::Arc;

use ndarray::Array2;

use crate::config::VadOptions;
use crate::config::model_folder::{ModelFolder, VadAudio, VadSpec};
use crate::engine::{EngineError, Graph, Tensor};
use crate::error::Error;
use crate::models::capability::{Model, VoiceDetector, VoiceState};
use crate::models::kind::ModelKind;
use crate::models::loader::Loader;

pub use detector::SpeechDetector;
pub use probabilities::Probabilities;
pub use speech_map::{Edge, SpeechMap};
pub use stretch::Stretch;
pub use stretches::StretchFinder;
pub use utterances::{Utterance, UtteranceEvent, Utterances};
pub use windows::{SpeechWindow, windows};

/// A voice activity detector. The state of a recording is kept in [`Probabilities`] and [`SpeechDetector`], one per
/// recording.
pub struct Vad {
    folder: Arc<ModelFolder>,
    spec: VadSpec,
    state_size: usize,
    graph: Graph,
}

impl Vad {
    /// Loads the graph.
    ///
    /// # Errors
    /// [`Error`] if the folder holds another kind of model, or a file of it cannot be loaded.
    pub fn load(loader: Loader) -> Result<Self, Error> {
        let folder = loader.folder().clone();
        let spec: &VadSpec = loader.spec(Self::KIND)?;
        Ok(Vad {
            graph: loader.graph("vad")?,
            state_size: spec.state(&folder.common.graphs),
            spec: spec.clone(),
            folder,
        })
    }

    /// Sample rate in Hz.
    pub fn sample_rate(&self) -> u32 {
        self.spec.audio.sample_rate
    }

    /// Number of samples that each probability covers.
    pub fn chunk_samples(&self) -> usize {
        self.spec.audio.chunk_samples
    }

    /// The execution provider of the graph.
    pub fn provider(&self) -> &'static str {
        self.graph.provider()
    }

    /// Name of the model.
    pub fn name(&self) -> &str {
        &self.folder.common.name
    }

    /// The stretches of speech in a whole recording: mono samples in [-1, 1] at [`Vad::sample_rate`].
    ///
    /// # Errors
    /// [`Error::Request`] for options out of range; [`Error::Engine`] if the graph fails.
    pub fn stretches(&self, samples: &[f32], options: &VadOptions) -> Result<Vec<Stretch>, Error> {
        let mut detector = SpeechDetector::new(self, options)?;
        let mut found = detector.push(self, samples)?;
        found.extend(detector.finish(self)?);
        Ok(found)
    }
}

impl ModelKind for Vad {
    const KIND: &'static str = "vad";

    type Spec = VadSpec;

    fn load(loader: Loader) -> Result<Self, Error> {
        Vad::load(loader)
    }
}

impl Model for Vad {
    fn name(&self) -> &str {
        Vad::name(self)
    }

    fn provider(&self) -> &'static str {
        Vad::provider(self)
    }

    fn as_voice_detector(&self) -> Option<&dyn VoiceDetector> {
        Some(self)
    }
}

impl VoiceDetector for Vad {
    fn audio(&self) -> VadAudio {
        self.spec.audio
    }

    /// The hidden and the cell state of the LSTM.
    fn start(&self) -> Result<VoiceState, EngineError> {
        let zeros = || Tensor::zeros(&[1, 1, self.state_size]);
        Ok(VoiceState(vec![zeros()?, zeros()?]))
    }

    fn run(&self, rows: Array2<f32>, state: &VoiceState) -> Result<(Vec<f32>, VoiceState), EngineError> {
        let chunks = rows.nrows();
        let samples = Tensor::float(rows)?;
        let one = std::slice::from_ref;
        let (hidden, cell) = state.0.split_at(1);
        let mut outputs = self.graph.run(&[("samples", one(&samples)), ("state_h", hidden), ("state_c", cell)])?;
        let speech: Vec<f32> = outputs.take_one("speech", &[Some(chunks)])?.view()?.iter().copied().collect();
        if let Some(&value) = speech.iter().find(|probability| !(0.0..=1.0).contains(*probability)) {
            let graph = self.graph.name().to_string();
            return Err(EngineError::OutOfRange { graph, tensor: "speech", value, range: "0 to 1" });
        }
        let shape = [Some(1), Some(1), Some(self.state_size)];
        let hidden = outputs.take_one("next_state_h", &shape)?;
        let cell = outputs.take_one("next_state_c", &shape)?;
        Ok((speech, VoiceState(vec![hidden, cell])))
    }
}
