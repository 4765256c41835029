//! Inputs and outputs of graphs are checked, so that models need not check them.

use edgefuse::config::Provider;
use edgefuse::config::model_folder::GraphSpec;
use edgefuse::engine::{EngineError, Graph, Outputs, Tensor};
use ndarray::Array1;

use crate::{engine, fixture};

const INPUTS: &str = "x: {name: x, type: float32, shape: [count]}, shape: {name: shape, type: int64, shape: [rank]}, \
                      rows: {name: rows, type: float32, shape: [batch, 1]}";

/// The graph of reshape.onnx with a description of its tensors.
fn load(inputs: &str, outputs: &str) -> Result<Graph, EngineError> {
    let spec: GraphSpec =
        serde_yaml::from_str(&format!("{{files: {{}}, inputs: {{{inputs}}}, outputs: {{{outputs}}}}}")).unwrap();
    let bytes = std::fs::read(fixture("reshape.onnx")).unwrap();
    engine().load_bytes("test/reshape", &bytes, &spec, &[Provider::cpu()])
}

/// Makes the graph return `values` in `shape`, for a batch of one row.
fn run(role: &str, values: &[f32], shape: &[i64]) -> Result<Outputs, EngineError> {
    let graph = load(INPUTS, &format!("{role}: {{name: y, type: float32, shape: [batch, 3]}}")).unwrap();
    let x = [Tensor::float(Array1::from(values.to_vec())).unwrap()];
    let shape = [Tensor::integer(Array1::from(shape.to_vec())).unwrap()];
    graph.run(&[("x", &x), ("shape", &shape), ("rows", &[Tensor::zeros(&[1, 1]).unwrap()])])
}

fn refused(role: &str, values: &[f32], shape: &[i64]) -> String {
    let error = run(role, values, shape).unwrap_err().to_string();
    assert!(error.starts_with(&format!("test/reshape: output `{role}`")) && !error.contains('\n'), "{error}");
    error
}

#[test]
fn shapes_are_as_described_and_axes_as_in_the_inputs() {
    run("y", &[1.0, 2.0, 3.0], &[1, 3]).unwrap();
    for (what, values, shape) in [
        ("rank", &[1.0, 2.0, 3.0][..], &[3][..]),
        ("rank", &[1.0, 2.0, 3.0], &[1, 1, 3]),
        ("batch of 2 for 1", &[0.0; 6], &[2, 3]),
        ("fixed axis", &[0.0; 4], &[1, 4]),
        ("empty batch", &[], &[0, 3]),
        ("empty axis", &[], &[1, 0]),
    ] {
        let error = refused("y", values, shape);
        assert!(error.contains(&format!("has shape {shape:?}, not [batch = 1, 3]")), "{what}: {error}");
    }
}

#[test]
fn no_axis_is_empty() {
    let graph = load(INPUTS, "y: {name: y, type: float32, shape: [batch, length]}").unwrap();
    let x = [Tensor::zeros(&[0]).unwrap()];
    let shape = [Tensor::integer(Array1::from(vec![1, 0])).unwrap()];
    let error = graph.run(&[("x", &x), ("shape", &shape), ("rows", &[Tensor::zeros(&[1, 1]).unwrap()])]).unwrap_err();
    assert!(error.to_string().contains("[1, 0], not [batch = 1, length = 0] without an empty axis"), "{error}");
}

#[test]
fn values_are_finite() {
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let error = refused("embedding", &[1.0, value, 3.0], &[1, 3]);
        assert!(error.contains(&format!("has the value {value}, which is not a finite number")), "{error}");
    }
}

#[test]
fn a_logit_may_be_minus_infinity_but_not_all_of_a_row() {
    let below = f32::NEG_INFINITY;
    run("logits", &[1.0, below, 3.0], &[1, 3]).unwrap();
    for values in [[1.0, f32::NAN, 0.0], [1.0, f32::INFINITY, 0.0], [below; 3]] {
        assert!(refused("logits", &values, &[1, 3]).contains("not a finite number"));
    }
    // A decoder's cache is not scanned, because the logits show errors in it.
    run("present_key", &[f32::NAN; 3], &[1, 3]).unwrap();
}

#[test]
fn every_output_is_described_and_there() {
    let y = "y: {name: y, type: float32, shape: [batch, 3]}";
    let problem = |inputs: &str, outputs: &str| load(inputs, outputs).err().unwrap().to_string();
    let missing = problem(INPUTS, &format!("{y}, z: {{name: z, type: float32, shape: [batch, 3]}}"));
    assert!(missing.contains("the graph has no output `z`"), "{missing}");
    let extra = problem(INPUTS, "");
    assert!(extra.contains("the graph has an output `y` that model.yaml does not list"), "{extra}");
    let element = problem(INPUTS, &y.replace("float32", "int64"));
    assert!(element.contains("`y` has"), "{element}");
    let vocabulary = problem(INPUTS, &y.replace("[batch, 3]", "[batch, 4]"));
    assert!(vocabulary.contains("but model.yaml says [batch, 4]"), "{vocabulary}");
    let inputs = problem(INPUTS.split_once(", rows").unwrap().0, y);
    assert!(inputs.contains("the graph has an input `rows`"), "{inputs}");
}

#[test]
fn every_input_is_fed_once_in_its_shape() {
    let graph = load(INPUTS, "y: {name: y, type: float32, shape: [batch, 3]}").unwrap();
    let float = |shape: &[usize]| [Tensor::zeros(shape).unwrap()];
    let (x, rows) = (float(&[3]), float(&[1, 1]));
    let shape = [Tensor::integer(Array1::from(vec![1, 3])).unwrap()];
    let refused = |inputs: &[(&str, &[Tensor])]| {
        let error = graph.run(inputs).unwrap_err();
        assert!(matches!(error, EngineError::Fed { .. }), "{error}");
        error.to_string()
    };
    assert!(refused(&[("x", &x), ("shape", &shape)]).contains("`rows`: it must be fed exactly once"));
    assert!(refused(&[("x", &x), ("shape", &shape), ("rows", &[])]).contains("0 tensors were fed, but 1 are expected"));
    assert!(refused(&[("x", &x), ("shape", &shape), ("rows", &rows), ("rows", &rows)]).contains("once"));
    assert!(refused(&[("x", &x), ("shape", &shape), ("rows", &rows), ("z", &rows)]).contains("no such input"));
    assert!(refused(&[("x", &x), ("shape", &x), ("rows", &rows)]).contains("`shape`: its elements are not int64"));
    let wide = float(&[1, 2]);
    assert!(refused(&[("x", &x), ("shape", &shape), ("rows", &wide)]).contains("[1, 2], not [batch = 1, 1]"));
    graph.run(&[("x", &x), ("shape", &shape), ("rows", &rows)]).unwrap();
}
