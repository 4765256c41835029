//! Voice activity detection: where in a recording somebody speaks. The network is Silero VAD's; its options and what they
//! mean are those of its `get_speech_timestamps`, which faster-whisper uses too.
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
mod windows;

use std::sync::Arc;

use ndarray::Array2;

use crate::config::VadOptions;
use crate::config::model_folder::{Kind, ModelFolder, VadAudio, VadSpec};
use crate::engine::{EngineError, Graph, Tensor};
use crate::error::Error;
use crate::models::loader::Loader;

pub use detector::SpeechDetector;
pub use probabilities::Probabilities;
pub use speech_map::{Edge, SpeechMap};
pub use stretch::Stretch;
pub use stretches::StretchFinder;
pub use windows::{SpeechWindow, windows};

/// A voice activity detector. It holds no recording's state: that is in [`Probabilities`] and [`SpeechDetector`], of which
/// one each goes on with its own recording.
pub struct Vad {
    folder: Arc<ModelFolder>,
    spec: VadSpec,
    state_size: usize,
    graph: Graph,
}

/// What the network remembers of the chunks before: the two states of its LSTM.
struct State {
    hidden: Tensor,
    cell: Tensor,
}

impl Vad {
    /// Loads the graph.
    ///
    /// # Errors
    /// [`Error`] when the folder holds another kind of model, or a file of it cannot be loaded.
    pub fn load(loader: Loader) -> Result<Self, Error> {
        let folder = loader.folder().clone();
        let Kind::Vad(spec) = &folder.kind else { return Err(loader.wrong_kind("vad")) };
        Ok(Vad {
            graph: loader.graph("vad")?,
            state_size: spec.state(&folder.common.graphs),
            spec: spec.clone(),
            folder,
        })
    }

    /// Samples a second of the sound it takes.
    pub fn sample_rate(&self) -> u32 {
        self.spec.audio.sample_rate
    }

    /// Samples that one probability is about.
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
    /// [`Error::Request`] for options out of range; [`Error::Engine`] when the graph fails.
    pub fn stretches(&self, samples: &[f32], options: &VadOptions) -> Result<Vec<Stretch>, Error> {
        let mut detector = SpeechDetector::new(self, options)?;
        let mut found = detector.push(self, samples)?;
        found.extend(detector.finish(self)?);
        Ok(found)
    }

    fn audio(&self) -> VadAudio {
        self.spec.audio
    }

    fn start(&self) -> Result<State, EngineError> {
        let zeros = || Tensor::zeros(&[1, 1, self.state_size]);
        Ok(State { hidden: zeros()?, cell: zeros()? })
    }

    /// Probability of speech in each of the consecutive chunks that `rows` holds, each with its context before it, and
    /// the state after them.
    fn run(&self, rows: Array2<f32>, state: &State) -> Result<(Vec<f32>, State), EngineError> {
        let chunks = rows.nrows();
        let samples = Tensor::float(rows)?;
        let one = std::slice::from_ref;
        let fed = [("samples", one(&samples)), ("state_h", one(&state.hidden)), ("state_c", one(&state.cell))];
        let mut outputs = self.graph.run(&fed)?;
        let speech: Vec<f32> = outputs.take_one("speech", &[Some(chunks)])?.view()?.iter().copied().collect();
        if speech.iter().any(|probability| probability.is_nan()) {
            return Err(EngineError::NotANumber { graph: self.graph.name().to_string(), tensor: "speech" });
        }
        let shape = [Some(1), Some(1), Some(self.state_size)];
        let hidden = outputs.take_one("next_state_h", &shape)?;
        let cell = outputs.take_one("next_state_c", &shape)?;
        Ok((speech, State { hidden, cell }))
    }
}
