//! The graph that computes the alignment heads' scores.

use ndarray::{Array2, Axis, Ix3, s};

use super::attention::{begin_times, token_matrix};
use super::split::WordTokens;
use super::timing::WordTiming;
use crate::config::model_folder::WhisperSpec;
use crate::engine::{EngineError, Graph, Tensor};
use crate::error::Error;
use crate::models::generation::CrossAttention;
use crate::models::kind::ModelKind;
use crate::models::loader::Loader;
use crate::models::whisper::Whisper;
use crate::models::whisper::segments::FRAMES_PER_TIMESTAMP;

/// Role of the graph.
const ALIGNMENT: &str = "alignment";

/// Finds the times of words in a known text.
pub struct Aligner {
    graph: Graph,
    heads: usize,
    end_of_text: i64,
    /// Maximum number of tokens.
    most: usize,
}

impl Aligner {
    /// Loads the graph `alignment`.
    ///
    /// # Errors
    /// [`Error::Request`] for a model without it; [`Error::Engine`] if it cannot be loaded; [`Error::WrongKind`].
    pub fn load(loader: &Loader) -> Result<Self, Error> {
        let folder = loader.folder();
        let spec: &WhisperSpec = loader.spec(Whisper::KIND)?;
        if !folder.common.graphs.contains_key(ALIGNMENT) {
            let problem = format!("no graph `{ALIGNMENT}`, which word timestamps need; export the model again");
            return Err(Error::Request { model: folder.common.name.clone(), problem });
        }
        Ok(Aligner {
            graph: loader.graph(ALIGNMENT)?,
            heads: spec.alignment_heads.len(),
            end_of_text: spec.tokens.end_of_text,
            most: spec.generation.max_tokens,
        })
    }

    /// The execution provider of the graph.
    pub fn provider(&self) -> &'static str {
        self.graph.provider()
    }

    /// Times and probabilities of the words of one window.
    ///
    /// `prompt` is what precedes the text, up to and including `<|notimestamps|>`; `text` holds the text tokens, which
    /// `words` split in order; `frames` is the number of the window's mel frames that contain sound. Text beyond the
    /// positions of the decoder gets no words. After openai-whisper's `timing.py`, `find_alignment`.
    ///
    /// # Errors
    /// [`EngineError`] if the graph fails or returns a wrong shape or values that are not numbers.
    pub fn align(
        &self,
        window: &CrossAttention,
        prompt: &[i64],
        text: &[i64],
        words: Vec<WordTokens>,
        frames: usize,
    ) -> Result<Vec<WordTiming>, EngineError> {
        let text = &text[..text.len().min(self.most.saturating_sub(prompt.len() + 1))];
        if text.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<i64> = prompt.iter().chain(text).copied().chain([self.end_of_text]).collect();
        let input = [Tensor::integer(Array2::from_shape_fn((1, ids.len()), |(_, at)| ids[at]))?];
        let inputs: [(&str, &[Tensor]); 3] =
            [("input_ids", &input), ("cross_key", window.keys()), ("cross_value", window.values())];
        let mut outputs = self.graph.run(&inputs)?;

        // Row r belongs to token r + 1, so the first row of the text is the last one of the prompt.
        let first = prompt.len().saturating_sub(1);
        let shape = [Some(1), Some(self.heads), Some(ids.len()), None];
        let scores = outputs.take_one("attention", &shape)?;
        let found = scores.shape();
        let scores = scores.view()?.index_axis_move(Axis(0), 0).into_dimensionality::<Ix3>().map_err(|_| {
            let (graph, tensor) = (self.graph.name().to_string(), "attention".to_string());
            EngineError::Shape { graph, tensor, found, expected: "[1, heads, tokens, source]".to_string() }
        })?;
        let log_probabilities = outputs.take_one("log_probability", &[Some(1), Some(ids.len() - 1)])?;
        let probabilities: Vec<f32> =
            log_probabilities.view()?.iter().skip(first).take(text.len()).map(|value| value.exp()).collect();

        let matrix = token_matrix(scores, frames / FRAMES_PER_TIMESTAMP);
        let begins = begin_times(matrix.slice(s![first..ids.len() - 1, ..]));
        Ok(timings(words, &begins, &probabilities))
    }
}

/// Each word from the start of its first token to that of the token after it. `begins` has one time more than
/// `probabilities` has tokens, or none; a word that extends past them is left out.
fn timings(words: Vec<WordTokens>, begins: &[f64], probabilities: &[f32]) -> Vec<WordTiming> {
    let mut first = 0;
    let mut timings = Vec::new();
    for WordTokens { word, count } in words {
        let end = first + count;
        let (Some(&start), Some(&stop)) = (begins.get(first), begins.get(end)) else { break };
        let sum: f64 = probabilities[first..end].iter().map(|&probability| f64::from(probability)).sum();
        let probability = (sum / count.max(1) as f64) as f32;
        timings.push(WordTiming { word, tokens: count, start, end: stop, probability });
        first = end;
    }
    timings
}
