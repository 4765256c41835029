//! A decoder's cache as one buffer per layer, which each run reads and extends in place.
//!
//! A graph with the input `total_length` (`GroupQueryAttention`) does not need to copy its cache: if `past_key` and
//! `present_key` are the same memory, it writes only the new positions. The buffers have room for later positions, so the
//! cost of a step does not grow by copying what was there before.

use std::sync::atomic::Ordering;

use ort::session::IoBinding;

use super::boundary::bad_value;
use super::error::{EngineError, Reported};
use super::graph::Graph;
use super::tensor::Tensor;
use crate::support::request::Request;

/// Input roles with one tensor per layer, and the output roles that share their memory.
const CACHE: [(&str, &str); 2] = [("past_key", "present_key"), ("past_value", "present_value")];

/// Whether every step feeds this input: the tokens, and the cache.
fn is_step(role: &str) -> bool {
    ["input_ids", "total_length"].contains(&role) || CACHE.iter().any(|(past, _)| *past == role)
}

/// The cache of one sequence, with room for `capacity` positions.
pub struct CacheBuffer {
    binding: IoBinding,
    /// Keys and values of all layers, each `[1, heads, capacity, head_dim]`.
    pub(super) layers: Vec<Tensor>,
    /// The token of a step, `[1, 1]`.
    token: Tensor,
    /// `[1]`
    total: Tensor,
    /// `[1, vocabulary]`
    logits: Tensor,
    heads: usize,
    head_dim: usize,
    capacity: usize,
    length: usize,
}

/// Copy of the first positions of a cache.
#[derive(Debug)]
pub struct Positions {
    layers: Vec<Vec<f32>>,
    length: usize,
}

impl Positions {
    /// Number of positions.
    pub fn length(&self) -> usize {
        self.length
    }
}

impl CacheBuffer {
    /// Number of positions in use.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Number of positions that there is room for.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Copies the first `length` positions, at most those in use.
    ///
    /// # Errors
    /// [`EngineError::Run`] if the memory cannot be read.
    pub fn copy(&self, length: usize) -> Result<Positions, EngineError> {
        let length = length.min(self.length);
        let (row, used) = (self.capacity * self.head_dim, length * self.head_dim);
        let layers = self.layers.iter().map(|layer| {
            let values = layer.values::<f32>()?;
            Ok((0..self.heads).flat_map(|head| &values[head * row..][..used]).copied().collect())
        });
        Ok(Positions { layers: layers.collect::<Result<_, EngineError>>()?, length })
    }

    /// Starts with a copy of the first `length` of these positions, which must be of the same graph and fit.
    ///
    /// # Errors
    /// [`EngineError::Run`] if the memory cannot be written.
    pub fn restore(&mut self, positions: &Positions, length: usize) -> Result<(), EngineError> {
        let length = length.min(positions.length).min(self.capacity);
        let (row, used) = (self.capacity * self.head_dim, length * self.head_dim);
        let stored = positions.length * self.head_dim;
        for (layer, values) in self.layers.iter_mut().zip(&positions.layers) {
            let layer = layer.values_mut::<f32>()?;
            for head in 0..self.heads {
                layer[head * row..][..used].copy_from_slice(&values[head * stored..][..used]);
            }
        }
        self.length = length;
        Ok(())
    }
}

impl Graph {
    /// An empty cache with room for `capacity` positions.
    ///
    /// # Errors
    /// [`EngineError::Run`] if it cannot be allocated.
    pub fn cache_buffer(&self, capacity: usize) -> Result<CacheBuffer, EngineError> {
        let failed = |source: ort::Error| EngineError::Run { graph: self.name.clone(), source: Reported::by(&source) };
        let (heads, head_dim, vocabulary) = self.cache_shape();
        let (mut binding, layers) = self.bound_cache(1, capacity)?;
        let (token, total) = (Tensor::room::<i64>(&[1, 1])?, Tensor::room::<i64>(&[1])?);
        let mut logits = Tensor::room::<f32>(&[1, vocabulary])?;
        binding.bind_input(self.only("total_length"), &total.0).map_err(failed)?;
        binding.bind_output(&self.outputs["logits"][0], &mut logits.0).map_err(failed)?;
        self.bind_idle(&mut binding)?;
        Ok(CacheBuffer { binding, layers, token, total, logits, heads, head_dim, capacity, length: 0 })
    }

    /// Feeds `tensor` to the input `role`, apart from tokens and cache, in each later run of `cache`.
    ///
    /// # Errors
    /// [`EngineError::Fed`] if the graph has no such input, or one of another shape.
    pub fn feed_beside(&self, cache: &mut CacheBuffer, role: &str, tensor: &Tensor) -> Result<(), EngineError> {
        let wrong = |problem: String| EngineError::Fed { graph: self.name.clone(), tensor: role.to_string(), problem };
        let Some(spec) = self.specs.inputs.get(role).filter(|_| !is_step(role)) else {
            return Err(wrong("the graph has no such input".to_string()));
        };
        let shape = tensor.shape();
        let fits = shape.len() == spec.shape.len()
            && shape.iter().enumerate().all(|(axis, &length)| spec.fixed(axis).is_none_or(|fixed| fixed == length));
        if !fits || shape.contains(&0) || tensor.element() != Some(spec.element) {
            return Err(wrong(format!("it has the shape {shape:?}, not {}", spec.shape_text())));
        }
        // The binding keeps the tensor alive.
        let bound = cache.binding.bind_input(self.only(role), &tensor.0);
        bound.map_err(|source| EngineError::Run { graph: self.name.clone(), source: Reported::by(&source) })
    }

    /// Binds zeros to the inputs apart from tokens and cache, which only some prompts need; a dynamic axis has one entry.
    pub(super) fn bind_idle(&self, binding: &mut IoBinding) -> Result<(), EngineError> {
        let failed = |source: ort::Error| EngineError::Run { graph: self.name.clone(), source: Reported::by(&source) };
        for (role, spec) in self.specs.inputs.iter().filter(|(role, _)| !is_step(role)) {
            let shape: Vec<usize> = (0..spec.shape.len()).map(|axis| spec.fixed(axis).unwrap_or(1)).collect();
            binding.bind_input(self.only(role), &Tensor::zeros(&shape)?.0).map_err(failed)?;
        }
        Ok(())
    }

    /// Room for the keys and values of all layers, each `[rows, heads, capacity, head_dim]`, bound as past and present.
    pub(super) fn bound_cache(&self, rows: usize, capacity: usize) -> Result<(IoBinding, Vec<Tensor>), EngineError> {
        let failed = |source: ort::Error| EngineError::Run { graph: self.name.clone(), source: Reported::by(&source) };
        let (heads, head_dim, _) = self.cache_shape();
        let mut binding = self.session.take(Request::current().priority()).create_binding().map_err(failed)?;
        let mut layers = Vec::new();
        for (input, output) in CACHE {
            for (input, output) in self.inputs[input].iter().zip(&self.outputs[output]) {
                let mut layer = Tensor::room::<f32>(&[rows, heads, capacity, head_dim])?;
                binding.bind_input(input, &layer.0).map_err(failed)?;
                binding.bind_output(output, &mut layer.0).map_err(failed)?;
                layers.push(layer);
            }
        }
        Ok((binding, layers))
    }

    /// Feeds `ids`, at least one, to the sequence in `cache`; returns the logits after the last of them.
    ///
    /// # Errors
    /// [`EngineError::Fed`] if the cache has no room for them; otherwise as [`Graph::run`].
    pub fn extend<'a>(&self, cache: &'a mut CacheBuffer, ids: &[i64]) -> Result<&'a [f32], EngineError> {
        Request::current().check().map_err(EngineError::Stopped)?;
        let length = cache.length + ids.len();
        if ids.is_empty() || length > cache.capacity {
            let problem = format!("{} tokens were fed after {} of {}", ids.len(), cache.length, cache.capacity);
            return Err(EngineError::Fed { graph: self.name.clone(), tensor: "input_ids".to_string(), problem });
        }
        cache.total.values_mut::<i64>()?[0] = length as i64;
        let fed;
        let tokens = match ids {
            [id] => {
                cache.token.values_mut::<i64>()?[0] = *id;
                &cache.token
            }
            _ => {
                fed = Tensor::integer(ndarray::Array2::from_shape_fn((1, ids.len()), |(_, at)| ids[at]))?;
                &fed
            }
        };
        let bound = cache.binding.bind_input(self.only("input_ids"), &tokens.0);
        let run = bound.and_then(|()| {
            let mut session = self.session.take(Request::current().priority());
            session.run_binding_with_options(&cache.binding, &self.run_options).map(drop)
        });
        run.map_err(|source| self.failure(source))?;
        self.proven.store(true, Ordering::Relaxed);
        cache.length = length;
        if let Some(value) = bad_value("logits", &self.specs.outputs["logits"], &cache.logits)? {
            return Err(EngineError::NotFinite { graph: self.name.clone(), tensor: "logits".to_string(), value });
        }
        cache.logits.values()
    }

    /// The name of an input role with one tensor.
    pub(super) fn only<'a>(&'a self, role: &'a str) -> &'a str {
        self.inputs.get(role).and_then(|names| names.first()).map_or(role, String::as_str)
    }
}
