//! A decoder graph with its key-value cache.

use ndarray::Array2;

use crate::engine::{EngineError, Graph, Outputs, Tensor};
use crate::models::loader::Loader;

/// A decoder graph: token ids in, logits of the last position out, self-attention cache in between.
pub struct Decoder {
    graph: Graph,
    layers: usize,
    heads: usize,
    head_dim: usize,
    vocabulary: usize,
}

/// What a decoder attends to: one key and one value a layer, `[batch, heads, source, head_dim]`.
#[derive(Debug)]
pub struct CrossAttention {
    keys: Vec<Tensor>,
    values: Vec<Tensor>,
}

/// One sequence in the making.
pub struct Decoding<'a> {
    decoder: &'a mut Decoder,
    cross: &'a CrossAttention,
    past_keys: Vec<Tensor>,
    past_values: Vec<Tensor>,
    length: usize,
}

impl CrossAttention {
    /// Takes `cross_key` and `cross_value` out of what an encoder gave.
    pub fn take(outputs: &mut Outputs) -> Self {
        CrossAttention { keys: outputs.take("cross_key"), values: outputs.take("cross_value") }
    }

    /// The keys, one a layer.
    pub fn keys(&self) -> &[Tensor] {
        &self.keys
    }

    /// The values, one a layer.
    pub fn values(&self) -> &[Tensor] {
        &self.values
    }
}

impl Decoder {
    /// Loads the decoder graph with this role.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn load(loader: &Loader, role: &str) -> Result<Self, EngineError> {
        let spec = &loader.folder().common.graphs[role];
        // `config::model_folder` made sure that these are there.
        let past = &spec.inputs["past_key"];
        Ok(Decoder {
            layers: spec.layers(),
            heads: past.fixed(1).unwrap_or(1),
            head_dim: past.fixed(3).unwrap_or(1),
            vocabulary: spec.outputs["logits"].fixed(1).unwrap_or(1),
            graph: loader.graph(role)?,
        })
    }

    /// Number of tokens it knows.
    pub fn vocabulary(&self) -> usize {
        self.vocabulary
    }

    /// The execution provider of the graph.
    pub fn provider(&self) -> &'static str {
        self.graph.provider()
    }

    /// Starts a sequence with an empty cache.
    ///
    /// # Errors
    /// [`EngineError::Run`] when the cache cannot be made.
    pub fn start<'a>(&'a mut self, cross: &'a CrossAttention) -> Result<Decoding<'a>, EngineError> {
        let empty = || Tensor::zeros(&[1, self.heads, 0, self.head_dim]);
        let past_keys = (0..self.layers).map(|_| empty()).collect::<Result<_, _>>()?;
        let past_values = (0..self.layers).map(|_| empty()).collect::<Result<_, _>>()?;
        Ok(Decoding { decoder: self, cross, past_keys, past_values, length: 0 })
    }
}

impl Decoding<'_> {
    /// Feeds tokens, one or a whole prompt, and gives the logits that follow the last of them, `[vocabulary]`.
    ///
    /// # Errors
    /// [`EngineError`] when the graph fails or gives a wrong shape.
    pub fn feed(&mut self, tokens: &[i64]) -> Result<Vec<f32>, EngineError> {
        let ids = Array2::from_shape_fn((1, tokens.len()), |(_, at)| tokens[at]);
        let ids = [Tensor::integer(ids)?];
        let mut outputs = self.decoder.graph.run(&[
            ("input_ids", &ids),
            ("cross_key", &self.cross.keys),
            ("cross_value", &self.cross.values),
            ("past_key", &self.past_keys),
            ("past_value", &self.past_values),
        ])?;
        self.past_keys = outputs.take("present_key");
        self.past_values = outputs.take("present_value");
        self.length += tokens.len();
        let logits = outputs.take_one("logits", &[Some(1), Some(self.decoder.vocabulary)])?;
        let logits: Vec<f32> = logits.view()?.iter().copied().collect();
        if logits.iter().any(|logit| logit.is_nan()) {
            return Err(EngineError::NotANumber { graph: self.decoder.graph.name().to_string(), tensor: "logits" });
        }
        Ok(logits)
    }

    /// Tokens fed so far.
    pub fn length(&self) -> usize {
        self.length
    }
}
