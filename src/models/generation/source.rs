//! What a decoder reads apart from tokens.

use crate::engine::{EngineError, Outputs, Tensor};

/// What a decoder attends to: one key and one value per layer, for one window (a picture, 30 s of speech) or several.
#[derive(Debug)]
pub struct CrossAttention {
    pub(super) keys: Vec<Tensor>,
    pub(super) values: Vec<Tensor>,
}

/// Input of a decoder, apart from tokens.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// What the decoder attends to.
    Cross(&'a CrossAttention),
    /// Embeddings that precede those of the first tokens, `[windows, positions, hidden]`: the graph's input
    /// `image_embeds`.
    Prefix(&'a Tensor),
    /// Rows that stand for some of the tokens of a prompt: the graph's input `image_rows`.
    Rows(&'a ImageRows),
    /// Nothing: a single sequence of tokens.
    Alone,
}

/// Rows of pictures for a decoder that reads them in place of tokens.
#[derive(Debug)]
pub struct ImageRows {
    /// `[rows, hidden]`, at least one.
    pub rows: Tensor,
    /// The token that stands for a row in a prompt, the first for the first.
    pub token: i64,
}

impl ImageRows {
    /// `ids` as the graph reads them: each that stands for a row is `vocabulary` plus the number of that row. `next` is the
    /// number of the first, and then that of the row after the last.
    pub fn referred(&self, ids: &[i64], vocabulary: usize, next: &mut usize) -> Vec<i64> {
        let rows = self.rows.shape().first().copied().unwrap_or(0);
        let refer = |&id: &i64| match id == self.token && *next < rows {
            true => {
                *next += 1;
                (vocabulary + *next - 1) as i64
            }
            false => id,
        };
        ids.iter().map(refer).collect()
    }
}

impl<'a> From<&'a CrossAttention> for Source<'a> {
    fn from(cross: &'a CrossAttention) -> Self {
        Source::Cross(cross)
    }
}

impl Source<'_> {
    /// Number of windows.
    pub(super) fn windows(&self) -> usize {
        match self {
            Source::Cross(cross) => cross.windows(),
            Source::Prefix(rows) => rows.shape().first().copied().unwrap_or(1),
            Source::Rows(_) | Source::Alone => 1,
        }
    }

    /// Positions in the cache before the first token.
    pub(super) fn positions(&self) -> usize {
        match self {
            Source::Cross(_) | Source::Rows(_) | Source::Alone => 0,
            Source::Prefix(rows) => rows.shape().get(1).copied().unwrap_or(0),
        }
    }
}

impl CrossAttention {
    /// Takes `cross_key` and `cross_value` from the outputs of an encoder.
    pub fn take(outputs: &mut Outputs) -> Self {
        CrossAttention { keys: outputs.take("cross_key"), values: outputs.take("cross_value") }
    }

    /// The keys, one per layer; the first axis has one entry per window.
    pub fn keys(&self) -> &[Tensor] {
        &self.keys
    }

    /// The values, one per layer; the first axis has one entry per window.
    pub fn values(&self) -> &[Tensor] {
        &self.values
    }

    /// Number of windows.
    pub fn windows(&self) -> usize {
        self.keys.first().and_then(|key| key.shape().first().copied()).unwrap_or(1)
    }

    /// Copy of a single window.
    ///
    /// # Errors
    /// [`EngineError::Run`] if ONNX Runtime cannot take the tensors.
    pub fn window(&self, index: usize) -> Result<Self, EngineError> {
        self.select(&[index])
    }

    /// Copy of some of the windows.
    pub(super) fn select(&self, windows: &[usize]) -> Result<Self, EngineError> {
        let selected =
            |tensors: &[Tensor]| tensors.iter().map(|tensor| tensor.select(windows)).collect::<Result<_, _>>();
        Ok(CrossAttention { keys: selected(&self.keys)?, values: selected(&self.values)? })
    }

    /// Allocates `windows` windows of the shape of this one, to be filled by [`CrossAttention::put`].
    ///
    /// # Errors
    /// [`EngineError::Run`] if ONNX Runtime cannot allocate the tensors.
    pub fn room_for(&self, windows: usize) -> Result<Self, EngineError> {
        let room = |tensors: &[Tensor]| {
            let shapes = tensors.iter().map(|tensor| [&[windows], &tensor.shape()[1..]].concat());
            shapes.map(|shape| Tensor::zeros(&shape)).collect::<Result<_, _>>()
        };
        Ok(CrossAttention { keys: room(&self.keys)?, values: room(&self.values)? })
    }

    /// Copies `window`, a single window of the same shape, to position `index`.
    ///
    /// # Errors
    /// [`EngineError::Run`] if a tensor differs in shape or type.
    pub fn put(&mut self, index: usize, window: &CrossAttention) -> Result<(), EngineError> {
        let ours = self.keys.iter_mut().chain(&mut self.values);
        ours.zip(window.keys.iter().chain(&window.values)).try_for_each(|(ours, window)| ours.put(index, window))
    }
}
