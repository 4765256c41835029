//! The probability of speech, chunk by chunk, while the sound arrives.

use std::collections::VecDeque;

use ndarray::{Array2, ArrayView1};

use super::levelled::{Block, Leveller};
use crate::engine::EngineError;
use crate::models::capability::{VoiceDetector, VoiceState};

/// How the sound is divided into runs of the graph. The number of chunks in a run is constant, so that the division of
/// the sound into pushes does not change a bit of the result (matrix products with other numbers of rows may sum in another
/// order).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    /// Chunks of one run.
    block: usize,
    /// Quiet blocks wait for this many blocks after them. A breath before loud speech does not justify a gain, so such
    /// speech begins exactly where Silero detects it.
    quiet_before: usize,
}

impl Pace {
    /// For recordings: half a second for each run (longer ones are hardly faster), and quiet sound waits for two seconds.
    pub const RECORDING: Pace = Pace { block: 16, quiet_before: 4 };

    /// For live sound: an eighth of a second, and nothing waits.
    pub const LIVE: Pace = Pace { block: 4, quiet_before: 0 };

    /// Blocks of four seconds, over which the level is measured.
    fn level_blocks(self) -> usize {
        128 / self.block
    }
}

/// The probabilities of one block.
struct Heard {
    speech: Vec<f32>,
    /// The probabilities of its levelled copy, while that counts.
    levelled: Option<Vec<f32>>,
}

/// State of one recording: the network's state, and the samples of an incomplete block.
pub struct Probabilities {
    state: VoiceState,
    leveller: Leveller,
    /// The network's state over the levelled copy, while there is one.
    levelled: Option<VoiceState>,
    /// Waiting blocks, oldest first.
    heard: VecDeque<Heard>,
    /// The context of the next chunk, then the samples pushed after it.
    waiting: Vec<f32>,
    context: usize,
    pace: Pace,
}

impl Probabilities {
    /// The state at the start of a recording.
    ///
    /// # Errors
    /// [`EngineError`] if ONNX Runtime cannot allocate the state.
    pub fn new(vad: &dyn VoiceDetector) -> Result<Self, EngineError> {
        Self::at(vad, Pace::RECORDING)
    }

    /// [`Probabilities::new`] at another pace.
    pub(super) fn at(vad: &dyn VoiceDetector, pace: Pace) -> Result<Self, EngineError> {
        let context = vad.audio().context_samples;
        let leveller = Leveller::new(context, pace.level_blocks());
        Ok(Probabilities {
            state: vad.start()?,
            leveller,
            levelled: None,
            heard: VecDeque::new(),
            waiting: vec![0.0; context],
            context,
            pace,
        })
    }

    /// Accepts the next samples, any number of them, and returns the probabilities of the chunks that completed a
    /// block; those of quiet sound up to two seconds later. Samples that are not finite count as 0. `vad` must be the
    /// one passed to [`Probabilities::new`].
    ///
    /// # Errors
    /// [`EngineError`] if the graph fails.
    pub fn push(&mut self, vad: &dyn VoiceDetector, mut samples: &[f32]) -> Result<Vec<f32>, EngineError> {
        let block = self.pace.block * vad.audio().chunk_samples;
        let mut found = Vec::new();
        while !samples.is_empty() {
            let missing = self.context + block - self.waiting.len();
            let (taken, rest) = samples.split_at(missing.min(samples.len()));
            // A NaN would stay in the state for the rest of the recording.
            self.waiting.extend(taken.iter().map(|sample| if sample.is_finite() { *sample } else { 0.0 }));
            samples = rest;
            if taken.len() == missing {
                self.run(vad, self.pace.block)?;
                self.release(self.pace.quiet_before, &mut found);
                self.waiting.drain(..block);
            }
        }
        Ok(found)
    }

    /// Ends the recording and returns the remaining probabilities; the last chunk is padded with silence.
    ///
    /// # Errors
    /// As [`Probabilities::push`].
    pub fn finish(mut self, vad: &dyn VoiceDetector) -> Result<Vec<f32>, EngineError> {
        let chunks = (self.waiting.len() - self.context).div_ceil(vad.audio().chunk_samples);
        if chunks > 0 {
            self.waiting.resize(self.context + chunks * vad.audio().chunk_samples, 0.0);
            self.run(vad, chunks)?;
        }
        let mut found = Vec::new();
        self.release(0, &mut found);
        Ok(found)
    }

    /// Runs the network on the next block.
    fn run(&mut self, vad: &dyn VoiceDetector, chunks: usize) -> Result<(), EngineError> {
        let block = self.context + chunks * vad.audio().chunk_samples;
        let (speech, state) = vad.run(self.rows(vad, &self.waiting, chunks), &self.state)?;
        let levelled = match self.leveller.push(&self.waiting[self.context..block]) {
            Block::Levelled(copy) => {
                let before = self.levelled.as_ref().unwrap_or(&self.state);
                let (levelled, after) = vad.run(self.rows(vad, &copy, chunks), before)?;
                self.levelled = Some(after);
                Some(levelled)
            }
            Block::Silent => {
                self.levelled = None;
                None
            }
            Block::Normal => {
                self.heard.iter_mut().for_each(|heard| heard.levelled = None);
                self.levelled = None;
                None
            }
        };
        self.heard.push_back(Heard { speech, levelled });
        self.state = state;
        Ok(())
    }

    /// Moves the probabilities of all settled blocks to `found`. Quiet blocks with fewer than `after` blocks after
    /// them, and the blocks that follow these, may still change.
    fn release(&mut self, after: usize, found: &mut Vec<f32>) {
        while let Some(heard) = self.heard.front()
            && (heard.levelled.is_none() || self.heard.len() > after)
        {
            let Some(Heard { speech, levelled }) = self.heard.pop_front() else { return };
            match levelled {
                Some(levelled) => found.extend(speech.iter().zip(levelled).map(|(speech, it)| speech.max(it))),
                None => found.extend(speech),
            }
        }
    }

    /// The network's input for consecutive chunks of `samples`, each preceded by its context.
    fn rows(&self, vad: &dyn VoiceDetector, samples: &[f32], chunks: usize) -> Array2<f32> {
        let step = vad.audio().chunk_samples;
        let width = self.context + step;
        let mut rows = Array2::zeros((chunks, width));
        for (mut row, window) in rows.rows_mut().into_iter().zip(samples.windows(width).step_by(step)) {
            row.assign(&ArrayView1::from(window));
        }
        rows
    }
}
