//! The probability of speech, chunk after chunk, while the sound comes in.

use ndarray::{Array2, ArrayView1};

use super::levelled::Leveller;
use super::{State, Vad};
use crate::engine::EngineError;

/// Chunks of one run of the graph: half a second. Always as many, so that where the sound is cut into pushes changes no
/// bit of the result (a product of another number of rows may be summed in another order); more are hardly faster.
const BLOCK: usize = 16;

/// What one recording has left behind: the network's state, and the samples that wait for their block to be whole.
pub struct Probabilities {
    state: State,
    leveller: Leveller,
    /// The network's state over the levelled copy, while one is heard.
    levelled: Option<State>,
    /// The context of the next chunk, then what was pushed after it.
    waiting: Vec<f32>,
    context: usize,
}

impl Probabilities {
    /// At the start of a recording.
    ///
    /// # Errors
    /// [`EngineError`] when ONNX Runtime cannot make the state.
    pub fn new(vad: &Vad) -> Result<Self, EngineError> {
        let context = vad.audio().context_samples;
        let leveller = Leveller::new(context);
        Ok(Probabilities { state: vad.start()?, leveller, levelled: None, waiting: vec![0.0; context], context })
    }

    /// Takes the samples that come next, any number of them, and gives the probabilities of the chunks that became whole
    /// blocks. Samples that are not finite are taken as 0. `vad` must be the one it was made with.
    ///
    /// # Errors
    /// [`EngineError`] when the graph fails.
    pub fn push(&mut self, vad: &Vad, mut samples: &[f32]) -> Result<Vec<f32>, EngineError> {
        let block = BLOCK * vad.chunk_samples();
        let mut found = Vec::new();
        while !samples.is_empty() {
            let missing = self.context + block - self.waiting.len();
            let (taken, rest) = samples.split_at(missing.min(samples.len()));
            // A NaN would stay in the state for the rest of the recording.
            self.waiting.extend(taken.iter().map(|sample| if sample.is_finite() { *sample } else { 0.0 }));
            samples = rest;
            if taken.len() == missing {
                found.extend(self.run(vad, BLOCK)?);
                self.waiting.drain(..block);
            }
        }
        Ok(found)
    }

    /// The recording ends here: the probabilities of what is left, the last chunk filled up with silence.
    ///
    /// # Errors
    /// As [`Probabilities::push`].
    pub fn finish(mut self, vad: &Vad) -> Result<Vec<f32>, EngineError> {
        let chunks = (self.waiting.len() - self.context).div_ceil(vad.chunk_samples());
        if chunks == 0 {
            return Ok(Vec::new());
        }
        self.waiting.resize(self.context + chunks * vad.chunk_samples(), 0.0);
        self.run(vad, chunks)
    }

    fn run(&mut self, vad: &Vad, chunks: usize) -> Result<Vec<f32>, EngineError> {
        let block = self.context + chunks * vad.chunk_samples();
        let (mut speech, state) = vad.run(self.rows(vad, &self.waiting, chunks), &self.state)?;
        match self.leveller.push(&self.waiting[self.context..block]) {
            Some(copy) => {
                let before = self.levelled.as_ref().unwrap_or(&self.state);
                let (louder, after) = vad.run(self.rows(vad, &copy, chunks), before)?;
                speech.iter_mut().zip(louder).for_each(|(speech, louder)| *speech = speech.max(louder));
                self.levelled = Some(after);
            }
            None => self.levelled = None,
        }
        self.state = state;
        Ok(speech)
    }

    /// The network's input for consecutive chunks of `samples`, each with its context before it.
    fn rows(&self, vad: &Vad, samples: &[f32], chunks: usize) -> Array2<f32> {
        let step = vad.chunk_samples();
        let width = self.context + step;
        let mut rows = Array2::zeros((chunks, width));
        for (mut row, window) in rows.rows_mut().into_iter().zip(samples.windows(width).step_by(step)) {
            row.assign(&ArrayView1::from(window));
        }
        rows
    }
}
