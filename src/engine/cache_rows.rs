//! The caches of several sequences as rows of one buffer per layer, so that one run of the graph takes a step of each.
//!
//! `GroupQueryAttention` reads the length of each row from `total_length`, so rows may be of different lengths. A row's logits
//! are those that its sequence would have alone.

use std::sync::atomic::Ordering;

use ort::session::IoBinding;

use super::cache_buffer::CacheBuffer;
use super::error::{EngineError, Reported};
use super::graph::Graph;
use super::tensor::Tensor;
use crate::support::request::Request;

/// The caches of several sequences, with room for `capacity` positions each.
pub struct CacheRows {
    binding: IoBinding,
    /// Keys and values of all layers, each `[rows, heads, capacity, head_dim]`.
    layers: Vec<Tensor>,
    /// `[rows, 1]`
    tokens: Tensor,
    /// `[rows]`
    totals: Tensor,
    /// `[rows, vocabulary]`
    logits: Tensor,
    rows: usize,
    heads: usize,
    head_dim: usize,
    capacity: usize,
}

impl CacheRows {
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of positions that each row has room for.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Copies the positions of `sequence`, which must be of the same graph and fit, to a row.
    ///
    /// # Errors
    /// [`EngineError::Run`] if the memory cannot be accessed.
    pub fn put(&mut self, row: usize, sequence: &CacheBuffer) -> Result<(), EngineError> {
        let source = (0, sequence.capacity(), sequence.length());
        self.copy(row, &sequence.layers, source)
    }

    /// Copies the first `length` positions of a row of `other`, which must be of the same graph and fit, to a row.
    ///
    /// # Errors
    /// [`EngineError::Run`] if the memory cannot be accessed.
    pub fn take_over(&mut self, row: usize, other: &CacheRows, from: usize, length: usize) -> Result<(), EngineError> {
        self.copy(row, &other.layers, (from, other.capacity, length))
    }

    fn copy(
        &mut self,
        row: usize,
        layers: &[Tensor],
        (from, capacity, length): (usize, usize, usize),
    ) -> Result<(), EngineError> {
        let (own, other) = (self.capacity * self.head_dim, capacity * self.head_dim);
        let used = length.min(self.capacity).min(capacity) * self.head_dim;
        for (layer, source) in self.layers.iter_mut().zip(layers) {
            let (layer, source) = (layer.values_mut::<f32>()?, source.values::<f32>()?);
            for head in 0..self.heads {
                let (to, from) = ((row * self.heads + head) * own, (from * self.heads + head) * other);
                layer[to..][..used].copy_from_slice(&source[from..][..used]);
            }
        }
        Ok(())
    }
}

impl Graph {
    /// Empty rows with room for `capacity` positions each.
    ///
    /// # Errors
    /// [`EngineError::Run`] if they cannot be allocated.
    pub fn cache_rows(&self, rows: usize, capacity: usize) -> Result<CacheRows, EngineError> {
        let failed = |source: ort::Error| EngineError::Run { graph: self.name.clone(), source: Reported::by(&source) };
        let (heads, head_dim, vocabulary) = self.cache_shape();
        let (mut binding, layers) = self.bound_cache(rows, capacity)?;
        let (tokens, totals) = (Tensor::room::<i64>(&[rows, 1])?, Tensor::room::<i64>(&[rows])?);
        let mut logits = Tensor::room::<f32>(&[rows, vocabulary])?;
        binding.bind_input(self.only("input_ids"), &tokens.0).map_err(failed)?;
        binding.bind_input(self.only("total_length"), &totals.0).map_err(failed)?;
        binding.bind_output(&self.outputs["logits"][0], &mut logits.0).map_err(failed)?;
        self.bind_idle(&mut binding)?;
        Ok(CacheRows { binding, layers, tokens, totals, logits, rows, heads, head_dim, capacity })
    }

    /// Feeds a token to each row; `steps` are the tokens and the lengths of the rows with them. Returns the logits of each row,
    /// or why it has none: [`EngineError::Fed`] if the rows have no room or there are not as many steps as rows, otherwise as
    /// [`Graph::run`].
    pub fn step_rows(&self, cache: &mut CacheRows, steps: &[(i64, usize)]) -> Vec<Result<Vec<f32>, EngineError>> {
        let fits = |(_, length): &(i64, usize)| (1..=cache.capacity).contains(length);
        if steps.len() != cache.rows || !steps.iter().all(fits) {
            let problem =
                format!("{} steps do not fit {} rows of {} positions", steps.len(), cache.rows, cache.capacity);
            let error = || EngineError::Fed {
                graph: self.name.clone(),
                tensor: "input_ids".to_string(),
                problem: problem.clone(),
            };
            return steps.iter().map(|_| Err(error())).collect();
        }
        if let Err(source) = self.run_rows(cache, steps) {
            return steps.iter().map(|_| Err(self.failure_of(&source))).collect();
        }
        self.proven.store(true, Ordering::Relaxed);
        match cache.logits.values::<f32>() {
            Ok(logits) => logits.chunks(logits.len() / cache.rows).map(|row| self.finite(row)).collect(),
            Err(error) => vec![Err(error)],
        }
    }

    fn run_rows(&self, cache: &mut CacheRows, steps: &[(i64, usize)]) -> Result<(), ort::Error> {
        let mut tokens = cache.tokens.0.try_extract_array_mut::<i64>()?;
        tokens.iter_mut().zip(steps).for_each(|(to, (token, _))| *to = *token);
        let mut totals = cache.totals.0.try_extract_array_mut::<i64>()?;
        totals.iter_mut().zip(steps).for_each(|(to, (_, length))| *to = *length as i64);
        let mut session = self.session.take(Request::current().priority());
        session.run_binding_with_options(&cache.binding, &self.run_options).map(drop)
    }

    /// A copy of a row of logits, if all are finite.
    fn finite(&self, row: &[f32]) -> Result<Vec<f32>, EngineError> {
        match row.iter().find(|value| !value.is_finite()) {
            None => Ok(row.to_vec()),
            Some(&value) => {
                Err(EngineError::NotFinite { graph: self.name.clone(), tensor: "logits".to_string(), value })
            }
        }
    }

    /// Error for a sequence whose row was lost in a step that panicked.
    pub fn lost_rows(&self) -> EngineError {
        self.failure_of(&ort::Error::new("a step of several sequences did not end"))
    }

    fn failure_of(&self, source: &ort::Error) -> EngineError {
        EngineError::Run { graph: self.name.clone(), source: Reported::by(source) }
    }

    /// Heads and their size of the cache, and the number of logits.
    pub(super) fn cache_shape(&self) -> (usize, usize, usize) {
        let past = &self.specs.inputs["past_key"];
        // `config::model_folder` has checked that these are numbers.
        let (heads, head_dim) = (past.fixed(1).unwrap_or(1), past.fixed(3).unwrap_or(1));
        (heads, head_dim, self.specs.outputs["logits"].fixed(1).unwrap_or(1))
    }
}
