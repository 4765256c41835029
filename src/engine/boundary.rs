//! The check between models and ONNX Runtime: a graph's inputs and outputs match `model.yaml`, so that models can index
//! tensors without further checks.

use std::collections::BTreeMap;

use super::error::EngineError;
use super::tensor::Tensor;
use crate::config::model_folder::{Axis, ElementType, TensorSpec};

/// Roles of a decoder's cache. It is not scanned for non-finite values, because it grows with the text, and such a
/// value shows in the logits of the next step.
const CACHE: &[&str] = &["past_key", "past_value", "present_key", "present_value"];

/// Roles of logarithms, which may be minus infinity for impossible tokens.
const LOGARITHMS: &[&str] = &["logits", "log_probability"];

/// Lengths of the dynamic axes of one run, by their names in `model.yaml`.
#[derive(Default)]
pub(super) struct Axes<'a>(Vec<(&'a str, usize)>);

impl<'a> Axes<'a> {
    /// Whether a tensor of this shape fits `spec`. The first tensor with a dynamic axis sets its length for all others.
    fn fit(&mut self, spec: &'a TensorSpec, shape: &[usize]) -> bool {
        spec.shape.len() == shape.len()
            && spec.shape.iter().zip(shape).all(|(axis, &length)| match axis {
                Axis::Fixed(wanted) => *wanted == length,
                Axis::Dynamic(name) => match self.0.iter().find(|(known, _)| known == name) {
                    Some((_, wanted)) => *wanted == length,
                    None => {
                        self.0.push((name, length));
                        true
                    }
                },
            })
    }

    /// The shape required by `spec`, with the known lengths: `[batch = 1, 2]`.
    fn expected(&self, spec: &TensorSpec) -> String {
        let axis = |axis: &Axis| match axis {
            Axis::Fixed(length) => length.to_string(),
            Axis::Dynamic(name) => match self.0.iter().find(|(known, _)| known == name) {
                Some((_, length)) => format!("{name} = {length}"),
                None => name.clone(),
            },
        };
        format!("[{}]", spec.shape.iter().map(axis).collect::<Vec<_>>().join(", "))
    }
}

/// Checks that every role is fed as many tensors as it has names, with its type and shape, and returns the lengths of
/// the dynamic axes.
///
/// # Errors
/// [`EngineError::Fed`].
pub(super) fn check_inputs<'a>(
    graph: &str,
    specs: &'a BTreeMap<String, TensorSpec>,
    names: &BTreeMap<String, Vec<String>>,
    inputs: &[(&str, &[Tensor])],
) -> Result<Axes<'a>, EngineError> {
    let wrong =
        |tensor: &str, problem: String| EngineError::Fed { graph: graph.to_string(), tensor: tensor.into(), problem };
    if let Some((role, _)) = inputs.iter().find(|(role, _)| !specs.contains_key(*role)) {
        return Err(wrong(role, "the graph has no such input".to_string()));
    }
    let mut axes = Axes::default();
    for (role, spec) in specs {
        let mut fed = inputs.iter().filter(|(fed, _)| fed == role).map(|(_, tensors)| *tensors);
        let (Some(tensors), None) = (fed.next(), fed.next()) else {
            return Err(wrong(role, "it must be fed exactly once".to_string()));
        };
        let wanted = names.get(role).map_or(0, Vec::len);
        if tensors.len() != wanted {
            return Err(wrong(role, format!("{} tensors were fed, but {wanted} are expected", tensors.len())));
        }
        for tensor in tensors {
            if tensor.element() != Some(spec.element) {
                return Err(wrong(role, format!("its elements are not {}", spec.element)));
            }
            let shape = tensor.shape();
            if !axes.fit(spec, &shape) {
                return Err(wrong(role, format!("it has the shape {shape:?}, not {}", axes.expected(spec))));
            }
        }
    }
    Ok(axes)
}

/// Checks number, type, shape and values of the tensors that a run returned. Dynamic axes must have the same length as
/// in the inputs and earlier outputs, and must not be empty.
///
/// # Errors
/// [`EngineError::Shape`] and [`EngineError::NotFinite`].
pub(super) fn check_outputs<'a>(
    graph: &str,
    specs: &'a BTreeMap<String, TensorSpec>,
    names: &BTreeMap<String, Vec<String>>,
    found: &BTreeMap<String, Vec<Tensor>>,
    mut axes: Axes<'a>,
) -> Result<(), EngineError> {
    for (role, spec) in specs {
        let tensors = found.get(role).map(Vec::as_slice).unwrap_or_default();
        let wanted = names.get(role).map_or(0, Vec::len);
        let shaped = |found: Vec<usize>, expected: String| EngineError::Shape {
            graph: graph.to_string(),
            tensor: role.clone(),
            found,
            expected,
        };
        if tensors.len() != wanted {
            return Err(shaped(vec![tensors.len()], format!("{wanted} tensors")));
        }
        for tensor in tensors {
            let shape = tensor.shape();
            if tensor.element() != Some(spec.element) {
                return Err(shaped(shape, format!("a tensor of {}", spec.element)));
            }
            if !axes.fit(spec, &shape) {
                return Err(shaped(shape, axes.expected(spec)));
            }
            if shape.contains(&0) {
                return Err(shaped(shape, format!("{} without an empty axis", axes.expected(spec))));
            }
            if let Some(value) = bad_value(role, spec, tensor)? {
                return Err(EngineError::NotFinite { graph: graph.to_string(), tensor: role.clone(), value });
            }
        }
    }
    Ok(())
}

/// A non-finite value of the tensor, if its role requires finite ones.
pub(super) fn bad_value(role: &str, spec: &TensorSpec, tensor: &Tensor) -> Result<Option<f32>, EngineError> {
    if spec.element != ElementType::Float32 || CACHE.contains(&role) {
        return Ok(None);
    }
    let view = tensor.view()?;
    let Some(values) = view.as_slice() else { return Ok(view.iter().copied().find(|value| !value.is_finite())) };
    if !LOGARITHMS.contains(&role) {
        // No early exit, so that the loop is vectorised.
        let finite = values.iter().fold(true, |finite, value| finite & (value.abs() < f32::INFINITY));
        return Ok(if finite { None } else { values.iter().copied().find(|value| !value.is_finite()) });
    }
    let below = values.iter().fold(true, |below, value| below & (*value < f32::INFINITY));
    if !below {
        return Ok(values.iter().copied().find(|value| value.is_nan() || *value == f32::INFINITY));
    }
    // Each row must have a possible token.
    let row = view.shape().last().copied().unwrap_or(1).max(1);
    let hopeless = values.chunks(row).any(|row| row.iter().all(|value| *value == f32::NEG_INFINITY));
    Ok(hopeless.then_some(f32::NEG_INFINITY))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(shape: &str) -> TensorSpec {
        serde_yaml::from_str(&format!("{{name: t, type: float32, shape: {shape}}}")).unwrap()
    }

    #[test]
    fn an_axis_has_one_length_in_all_tensors() {
        let (x, y) = (spec("[batch, 3, tokens]"), spec("[batch, tokens]"));
        let mut axes = Axes::default();
        assert!(!axes.fit(&x, &[1, 3]));
        assert!(!axes.fit(&x, &[1, 4, 5]));
        let mut axes = Axes::default();
        assert!(axes.fit(&x, &[2, 3, 5]));
        assert!(axes.fit(&y, &[2, 5]));
        assert!(!axes.fit(&y, &[1, 5]));
        assert_eq!(axes.expected(&y), "[batch = 2, tokens = 5]");
    }
}
