//! Generates input for a graph from its description alone, to test whether the graph runs on this machine.
//!
//! Loading a graph proves little: only when it first runs does ONNX Runtime notice that it lacks a kernel for the
//! processor, or call one that the processor cannot execute.

use std::collections::BTreeMap;

use ndarray::{ArrayD, IxDyn};

use super::error::EngineError;
use super::tensor::Tensor;
use crate::config::model_folder::{Axis, AxisProfile, ElementType, GraphSpec, TensorSpec};

/// Maximum number of elements in a generated tensor: far more than any input of a supported graph.
const MOST_ELEMENTS: usize = 1 << 27;

/// Number of tokens fed to a decoder first, without a past; the next run has these as its past and feeds one.
const PREFILL: usize = 2;

/// The role of the number of positions after a run, those in the cache and the new ones.
const TOTAL_LENGTH: &str = "total_length";

/// Runs that exercise a graph once.
#[derive(Debug, Clone)]
pub(super) struct Trial {
    inputs: BTreeMap<String, TensorSpec>,
    layers: usize,
    profiles: BTreeMap<String, AxisProfile>,
}

/// The tensors of each input role.
pub(super) type Inputs = Vec<(String, Vec<Tensor>)>;

impl Trial {
    /// Trial runs of the graph that `spec` describes.
    pub fn new(spec: &GraphSpec) -> Self {
        Trial { inputs: spec.inputs.clone(), layers: spec.layers(), profiles: spec.profiles.clone() }
    }

    /// Number of runs: a decoder with a cache reads several tokens at once and then one at a time, which use different
    /// kernels.
    pub fn runs(&self) -> usize {
        let dynamic = self.inputs.values().flat_map(|spec| &spec.shape);
        if dynamic.into_iter().any(|axis| *axis == Axis::Dynamic("past".to_string())) { 2 } else { 1 }
    }

    /// Input of the run with this index. Axes with the same name have the same length.
    ///
    /// # Errors
    /// [`EngineError::Run`] if ONNX Runtime cannot create a tensor, [`EngineError::Input`] for one that is too large.
    pub fn inputs(&self, run: usize) -> Result<Inputs, EngineError> {
        let mut inputs = Inputs::new();
        for (role, spec) in &self.inputs {
            let shape: Vec<usize> = spec.shape.iter().map(|axis| self.length(axis, run)).collect();
            let elements = shape.iter().try_fold(1usize, |product, &axis| product.checked_mul(axis));
            if elements.is_none_or(|elements| elements > MOST_ELEMENTS) {
                return Err(EngineError::Input { tensor: spec.name.clone(), shape });
            }
            let axis = |name: &str| self.length(&Axis::Dynamic(name.to_string()), run);
            let total = axis("past") + axis("tokens");
            let made = spec.names(self.layers).into_iter().map(|_| tensor(role, spec.element, &shape, total));
            inputs.push((role.clone(), made.collect::<Result<Vec<_>, _>>()?));
        }
        Ok(inputs)
    }

    fn length(&self, axis: &Axis, run: usize) -> usize {
        let name = match axis {
            Axis::Fixed(length) => return *length,
            Axis::Dynamic(name) => name,
        };
        let length = match (name.as_str(), run) {
            ("past", 0) => 0,
            ("past", _) => PREFILL,
            ("tokens", 0) => PREFILL,
            ("source", _) => 8,
            // Two seconds of log-mel: several steps of any stride.
            ("frames", _) => 200,
            _ => 1,
        };
        self.profiles.get(name).map_or(length, |profile| length.clamp(profile.min, profile.max.max(profile.min)))
    }
}

/// A tensor of small, distinct numbers; ids, masks and lengths have values that every graph accepts. `total` is the
/// number of positions after the run.
fn tensor(role: &str, element: ElementType, shape: &[usize], total: usize) -> Result<Tensor, EngineError> {
    match (element, role) {
        (ElementType::Int64, "attention_mask") => Tensor::integer(ArrayD::from_elem(IxDyn(shape), 1)),
        (ElementType::Int64, TOTAL_LENGTH) => Tensor::integer(ArrayD::from_elem(IxDyn(shape), total as i64)),
        (ElementType::Int64, _) => Tensor::integer(ArrayD::from_elem(IxDyn(shape), 0)),
        // All modalities are present.
        (_, "presence") => Tensor::float(ArrayD::from_elem(IxDyn(shape), 1.0)),
        _ => {
            let mut index = 0u32;
            Tensor::float(ArrayD::from_shape_simple_fn(IxDyn(shape), || {
                index = (index + 1) % 7;
                (index as f32 - 3.0) / 10.0
            }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(keys: &str) -> Trial {
        let text = format!("{{files: {{fp32: a.onnx}}, outputs: {{}}{keys}}}");
        Trial::new(&serde_yaml::from_str(&text).unwrap())
    }

    fn lengths(trial: &Trial, role: &str, run: usize) -> Vec<usize> {
        trial.inputs[role].shape.iter().map(|axis| trial.length(axis, run)).collect()
    }

    #[test]
    fn a_decoder_runs_with_and_without_a_past() {
        let decoder = trial(
            ", layers: 2, inputs: {input_ids: {name: i, type: int64, shape: [batch, tokens]}, \
             past_key: {name: 'k_{layer}', type: float32, shape: [batch, 6, past, 64]}}",
        );
        assert_eq!(decoder.runs(), 2);
        assert_eq!(
            (lengths(&decoder, "input_ids", 0), lengths(&decoder, "past_key", 0)),
            (vec![1, 2], vec![1, 6, 0, 64])
        );
        assert_eq!(
            (lengths(&decoder, "input_ids", 1), lengths(&decoder, "past_key", 1)),
            (vec![1, 1], vec![1, 6, 2, 64])
        );
    }

    #[test]
    fn lengths_stay_within_the_profiles() {
        let inputs = "inputs: {log_mel: {name: m, type: float32, shape: [windows, 80, frames]}}";
        assert_eq!(lengths(&trial(&format!(", {inputs}")), "log_mel", 0), [1, 80, 200]);
        let profiles = "profiles: {windows: {min: 2, opt: 2, max: 4}, frames: {min: 3000, opt: 3000, max: 3000}}";
        let encoder = trial(&format!(", {inputs}, {profiles}"));
        assert_eq!((lengths(&encoder, "log_mel", 0), encoder.runs()), (vec![2, 80, 3000], 1));
    }

    #[test]
    fn a_description_of_a_huge_tensor_is_refused_before_it_is_made() {
        let huge = trial(", inputs: {a: {name: a, type: float32, shape: [4000000000, 4000000000, 4000000000]}}");
        assert!(matches!(huge.inputs(0), Err(EngineError::Input { .. })));
    }
}
