//! A graph that fails for any input, and one that fails because of its input.

use edgefuse::config::model_folder::GraphSpec;
use edgefuse::config::{OnMissingProvider, Provider, Runtime};
use edgefuse::engine::{Engine, EngineError, Graph, Tensor};
use ndarray::Array2;

use crate::root;

/// Fields of bytes in Protocol Buffers' encoding, each shorter than 128.
fn message(fields: &[(u8, &[u8])]) -> Vec<u8> {
    fields.iter().flat_map(|(field, content)| [&[field << 3 | 2, content.len() as u8], *content].concat()).collect()
}

/// `c = a b`, a matrix product of any size, for which `model.yaml` states these shapes.
fn product(a: &str, b: &str) -> Graph {
    let node = message(&[(1, b"a"), (1, b"b"), (2, b"c"), (4, b"MatMul")]);
    let shape = message(&[(1, b""), (1, b"")]);
    let tensor = [&[8, 1][..], &message(&[(2, &shape)])].concat();
    let value = |name: &[u8]| message(&[(1, name), (2, &message(&[(1, &tensor)]))]);
    let graph = message(&[(1, &node), (2, b"product"), (11, &value(b"a")), (11, &value(b"b")), (12, &value(b"c"))]);
    let model = [&[8, 7][..], &message(&[(7, &graph)]), &message(&[(8, &[16, 13])])].concat();
    let tensor = |name: &str, shape: &str| format!("{name}: {{name: {name}, type: float32, shape: {shape}}}");
    let spec = format!(
        "{{files: {{fp32: x}}, inputs: {{{}, {}}}, outputs: {{{}}}}}",
        tensor("a", a),
        tensor("b", b),
        tensor("c", "[rows, columns]")
    );
    let spec: GraphSpec = serde_yaml::from_str(&spec).unwrap();
    let runtime = Runtime { on_missing_provider: OnMissingProvider::Error, ..Runtime::default() };
    let engine = Engine::start(&runtime, root()).expect("run scripts/setup.sh first");
    engine.load_bytes("product", &model, &spec, &[Provider::cpu()]).unwrap()
}

fn multiply(graph: &mut Graph, a: (usize, usize), b: (usize, usize)) -> Result<(), EngineError> {
    let matrix = |shape| [Tensor::float(Array2::<f32>::ones(shape)).unwrap()];
    let (a, b) = (matrix(a), matrix(b));
    graph.run(&[("a", &a), ("b", &b)]).map(|_| ())
}

#[test]
fn what_fails_for_every_input_is_about_the_graph() {
    let mut unfit = product("[rows, 2]", "[3, columns]");
    assert!(matches!(unfit.try_once(), Err(EngineError::Unfit { .. })));
    let error = multiply(&mut unfit, (1, 2), (3, 1)).unwrap_err();
    assert!(error.to_string().contains("product: cannot run here, whatever the input"), "{error}");
    let error = edgefuse::error::Error::from(error);
    assert!(!error.is_about_input() && error.exit_code() == 3);
}

#[test]
fn what_fails_for_one_input_is_about_that_input() {
    let mut graph = product("[rows, left]", "[right, columns]");
    // Two names for axes that must be equal: as `model.yaml` does not say so, only ONNX Runtime finds out.
    graph.try_once().unwrap();
    multiply(&mut graph, (2, 3), (3, 2)).unwrap();
    assert!(matches!(multiply(&mut graph, (1, 2), (3, 1)), Err(EngineError::Run { .. })));
    // Also in the very first run.
    let mut fresh = product("[rows, left]", "[right, columns]");
    assert!(matches!(multiply(&mut fresh, (1, 2), (3, 1)), Err(EngineError::Run { .. })));
}
