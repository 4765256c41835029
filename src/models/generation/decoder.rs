//! A decoder graph with its key-value cache.

use std::slice;

use ndarray::{Array1, Array2};

use super::logits::Logits;
use super::source::{CrossAttention, Source};
use crate::engine::{EngineError, Graph, Tensor};
use crate::models::loader::Loader;

/// A decoder graph: token ids in, logits of the last position out, self-attention cache in between.
pub struct Decoder {
    graph: Graph,
    layers: usize,
    heads: usize,
    head_dim: usize,
    vocabulary: usize,
    /// Whether the graph reads how many positions there are after a run.
    has_total_length: bool,
    /// Width of a row of pictures, if the graph reads any.
    row_width: Option<usize>,
}

/// Tokens per run while a prompt with pictures is read: bounds the memory of attention, whose scores have a cell for each
/// pair of positions.
const RUN: usize = 128;

/// A batch of unfinished sequences, all of the same length: one or more hypotheses for each window of the source, those
/// of the same window adjacent.
pub struct Decoding<'a> {
    decoder: &'a Decoder,
    source: Source<'a>,
    /// The windows that are left of the source, if some have left.
    left: Option<CrossAttention>,
    past_keys: Vec<Tensor>,
    past_values: Vec<Tensor>,
    rows: usize,
    length: usize,
    /// Rows of the source that were read.
    read: usize,
}

/// Snapshot of a [`Decoding`], to return to.
pub struct Kept {
    past_keys: Vec<Tensor>,
    past_values: Vec<Tensor>,
    length: usize,
}

impl Decoder {
    /// Loads the decoder graph with this role.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn load(loader: &Loader, role: &str) -> Result<Self, EngineError> {
        let spec = &loader.folder().common.graphs[role];
        // `config::model_folder` has checked that these exist.
        let past = &spec.inputs["past_key"];
        Ok(Decoder {
            layers: spec.layers(),
            heads: past.fixed(1).unwrap_or(1),
            head_dim: past.fixed(3).unwrap_or(1),
            vocabulary: spec.outputs["logits"].fixed(1).unwrap_or(1),
            has_total_length: spec.inputs.contains_key("total_length"),
            row_width: spec.inputs.get("image_rows").and_then(|rows| rows.fixed(1)),
            graph: loader.graph(role)?,
        })
    }

    /// The graph.
    pub(in crate::models) fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Size of the vocabulary.
    pub fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    /// The execution provider of the graph.
    pub fn provider(&self) -> &'static str {
        self.graph.provider()
    }

    /// Starts one sequence per window, with empty caches.
    ///
    /// # Errors
    /// [`EngineError::Run`] if the cache cannot be allocated.
    pub fn start<'a>(&'a self, source: impl Into<Source<'a>>) -> Result<Decoding<'a>, EngineError> {
        let source = source.into();
        let rows = source.windows();
        let empty = || Tensor::zeros(&[rows, self.heads, 0, self.head_dim]);
        let past_keys = (0..self.layers).map(|_| empty()).collect::<Result<_, _>>()?;
        let past_values = (0..self.layers).map(|_| empty()).collect::<Result<_, _>>()?;
        Ok(Decoding { decoder: self, source, left: None, past_keys, past_values, rows, length: 0, read: 0 })
    }
}

impl Decoding<'_> {
    /// Feeds the same tokens, one or a whole prompt, to every row. Returns the logits after the last of them.
    ///
    /// # Errors
    /// [`EngineError`] if the graph fails or returns a wrong shape.
    pub fn feed(&mut self, tokens: &[i64]) -> Result<Logits, EngineError> {
        if let Source::Rows(source) = self.source {
            let ids = source.referred(tokens, self.decoder.vocabulary, &mut self.read);
            let mut runs = ids.chunks(RUN).peekable();
            while let Some(run) = runs.next() {
                let logits = self.run(Array2::from_shape_fn((self.rows, run.len()), |(_, at)| run[at]))?;
                if runs.peek().is_none() {
                    return Ok(logits);
                }
            }
        }
        self.run(Array2::from_shape_fn((self.rows, tokens.len()), |(_, at)| tokens[at]))
    }

    /// Feeds one token to each row and returns the logits after it.
    ///
    /// # Errors
    /// [`EngineError`] if the graph fails or returns a wrong shape.
    pub fn step(&mut self, tokens: &[i64]) -> Result<Logits, EngineError> {
        self.run(Array2::from_shape_fn((self.rows, 1), |(row, _)| tokens[row]))
    }

    /// Continues with these rows, in this order; a row may occur several times. Every window must keep the same number
    /// of rows, windows in order.
    ///
    /// # Errors
    /// [`EngineError::Run`] if ONNX Runtime cannot take the tensors.
    pub fn select(&mut self, rows: &[usize]) -> Result<(), EngineError> {
        if rows.iter().copied().eq(0..self.rows) {
            return Ok(());
        }
        for tensor in self.past_keys.iter_mut().chain(&mut self.past_values) {
            *tensor = tensor.select(rows)?;
        }
        self.rows = rows.len();
        Ok(())
    }

    /// Continues with these windows only, each of which has a single row. Their attention is copied, which costs about
    /// as much as two steps.
    ///
    /// # Errors
    /// [`EngineError::Run`] if ONNX Runtime cannot take the tensors.
    pub fn leave(&mut self, remaining: &[usize]) -> Result<(), EngineError> {
        if let Source::Cross(cross) = self.source {
            self.left = Some(self.left.as_ref().unwrap_or(cross).select(remaining)?);
        }
        self.select(remaining)
    }

    /// Whether windows can leave: each has a row of its own, and attends to nothing but its own tensors.
    pub fn windows_can_leave(&self) -> bool {
        matches!(self.source, Source::Cross(_)) && self.rows == self.windows()
    }

    /// Copy of the state of one row.
    ///
    /// # Errors
    /// [`EngineError::Run`] if ONNX Runtime cannot take the tensors.
    pub fn keep(&self, row: usize) -> Result<Kept, EngineError> {
        let copy = |tensors: &[Tensor]| tensors.iter().map(|tensor| tensor.select(&[row])).collect::<Result<_, _>>();
        Ok(Kept { past_keys: copy(&self.past_keys)?, past_values: copy(&self.past_values)?, length: self.length })
    }

    /// Continues from `kept` with `rows` identical rows, which belong to a single window.
    ///
    /// # Errors
    /// [`EngineError::Run`] if ONNX Runtime cannot take the tensors.
    pub fn go_back(&mut self, kept: &Kept, rows: usize) -> Result<(), EngineError> {
        let again = vec![0; rows];
        let copies = |tensors: &[Tensor]| tensors.iter().map(|tensor| tensor.select(&again)).collect::<Result<_, _>>();
        (self.past_keys, self.past_values) = (copies(&kept.past_keys)?, copies(&kept.past_values)?);
        (self.rows, self.length) = (rows, kept.length);
        Ok(())
    }

    /// Number of sequences in the batch.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of windows that the sequences belong to.
    pub fn windows(&self) -> usize {
        self.left.as_ref().map_or_else(|| self.source.windows(), CrossAttention::windows)
    }

    /// Number of tokens fed to each row so far.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Positions in each row's cache: the tokens and the embeddings before them.
    pub fn cached(&self) -> usize {
        self.source.positions() + self.length
    }

    fn run(&mut self, ids: Array2<i64>) -> Result<Logits, EngineError> {
        let count = ids.ncols();
        let ids = [Tensor::integer(ids)?];
        let totals = vec![(self.cached() + count) as i64; self.rows];
        let totals = [Tensor::integer(Array1::from_vec(totals))?];
        let nothing;
        let mut inputs: Vec<(&str, &[Tensor])> =
            vec![("input_ids", &ids), ("past_key", &self.past_keys), ("past_value", &self.past_values)];
        if self.decoder.has_total_length {
            inputs.push(("total_length", &totals));
        }
        match self.source {
            Source::Cross(cross) => {
                let cross = self.left.as_ref().unwrap_or(cross);
                inputs.extend([("cross_key", &*cross.keys), ("cross_value", &*cross.values)]);
            }
            Source::Alone => {
                if let Some(width) = self.decoder.row_width {
                    // No token refers to it.
                    nothing = [Tensor::zeros(&[1, width])?];
                    inputs.push(("image_rows", &nothing));
                }
            }
            Source::Rows(source) => inputs.push(("image_rows", slice::from_ref(&source.rows))),
            Source::Prefix(rows) if self.length == 0 => inputs.push(("image_embeds", slice::from_ref(rows))),
            Source::Prefix(rows) => {
                let hidden = rows.shape().get(2).copied().unwrap_or(0);
                nothing = [Tensor::zeros(&[self.rows, 0, hidden])?];
                inputs.push(("image_embeds", &nothing));
            }
        }
        let mut outputs = self.decoder.graph.run(&inputs)?;
        // Every layer's cache has this length: the axis has one name in model.yaml.
        let cached = self.cached() + count;
        let cache = outputs.take_all("present_key", &[Some(self.rows), None, Some(cached), None])?;
        self.past_values = outputs.take_all("present_value", &[Some(self.rows), None, Some(cached), None])?;
        self.past_keys = cache;
        self.length += count;
        let logits = outputs.take_one("logits", &[Some(self.rows), Some(self.decoder.vocabulary)])?;
        Logits::new(&logits, self.decoder.vocabulary)
    }
}
