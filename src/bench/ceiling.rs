//! The matrix multiplication speed of this machine, with the device file's library, threads and first execution
//! provider: the yardstick for a model's arithmetic.

use std::time::{Duration, Instant};

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use edgefuse::config::model_folder::{Axis, ElementType, GraphSpec, TensorSpec};
use edgefuse::config::{Device, Provider};
use edgefuse::engine::{Engine, EngineError, Graph, Tensor};
use edgefuse::error::Error;

/// Size of the matrices: far larger than any cache line, but small enough for the smallest board (12 MB).
const SIZE: usize = 1_024;

/// Minimum number of products, and minimum duration.
const LEAST_RUNS: usize = 3;
const LEAST_TIME: Duration = Duration::from_millis(600);

/// The fastest product of two square matrices of 32-bit floats.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ceiling {
    /// Billions of floating-point operations per second; a multiply-add counts as two.
    pub gflops: f64,
    /// Size of the square matrices.
    pub size: usize,
    /// The execution provider.
    pub provider: String,
}

/// Multiplies matrices until the time is up, and keeps the fastest product.
///
/// # Errors
/// [`Error`] if the library or a provider cannot be used.
pub fn measure_ceiling(device: &Device, providers: &[Provider]) -> Result<Ceiling, Error> {
    let engine = Engine::start(&device.runtime, &device.base)?;
    let mut graph = engine.load_bytes("matrix product", &model(), &spec(), providers)?;
    multiply(&mut graph, SIZE)?;
    let started = Instant::now();
    let (mut best, mut runs) = (f64::INFINITY, 0);
    while runs < LEAST_RUNS || started.elapsed() < LEAST_TIME {
        best = best.min(multiply(&mut graph, SIZE)?.as_secs_f64());
        runs += 1;
    }
    let gflops = 2.0 * (SIZE as f64).powi(3) / best / 1e9;
    Ok(Ceiling { gflops, size: SIZE, provider: graph.provider().to_string() })
}

fn multiply(graph: &mut Graph, size: usize) -> Result<Duration, EngineError> {
    let matrix = |factor: usize| {
        Tensor::float(Array2::from_shape_fn((size, size), |(row, column)| ((row * factor + column) % 7) as f32 - 3.0))
    };
    let (a, b) = ([matrix(3)?], [matrix(5)?]);
    let started = Instant::now();
    graph.run(&[("a", &a), ("b", &b)])?;
    Ok(started.elapsed())
}

fn spec() -> GraphSpec {
    let tensor = |name: &str| {
        let shape = [name, "rows"].map(|axis| Axis::Dynamic(axis.to_string())).to_vec();
        let element = ElementType::Float32;
        let spec = TensorSpec { name: name.to_string(), element, shape };
        (name.to_string(), spec)
    };
    GraphSpec {
        layers: None,
        files: Default::default(),
        weights: Default::default(),
        needs: Default::default(),
        profiles: Default::default(),
        inputs: [tensor("a"), tensor("b")].into(),
        outputs: [tensor("c")].into(),
    }
}

/// An ONNX model of one `MatMul`: `c = a b`, with dynamic sizes. Fields have their numbers in onnx.proto3.
fn model() -> Vec<u8> {
    let node = message(&[(1, b"a"), (1, b"b"), (2, b"c"), (4, b"MatMul")]);
    // TypeProto.Tensor: element type 1 (float), and a shape of two axes without length.
    let shape = message(&[(1, b""), (1, b"")]);
    let tensor = [number(1, 1), message(&[(2, &shape)])].concat();
    let value = |name: &[u8]| message(&[(1, name), (2, &message(&[(1, &tensor)]))]);
    let graph = message(&[(1, &node), (2, b"matmul"), (11, &value(b"a")), (11, &value(b"b")), (12, &value(b"c"))]);
    let opset = number(2, 13);
    // IR version 7 belongs to opset 13.
    [number(1, 7), message(&[(7, &graph), (8, &opset)])].concat()
}

/// Length-delimited fields (wire type 2) in Protocol Buffers' encoding.
fn message(fields: &[(u8, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (field, content) in fields {
        bytes.push(field << 3 | 2);
        varint(&mut bytes, content.len() as u64);
        bytes.extend_from_slice(content);
    }
    bytes
}

/// A varint field (wire type 0).
fn number(field: u8, value: u64) -> Vec<u8> {
    let mut bytes = vec![field << 3];
    varint(&mut bytes, value);
    bytes
}

fn varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_past_127_take_two_bytes() {
        let mut bytes = Vec::new();
        varint(&mut bytes, 300);
        assert_eq!(bytes, [0xac, 0x02]);
        assert_eq!(message(&[(2, b"hi")]), [0x12, 2, b'h', b'i']);
        assert_eq!(number(1, 7), [8, 7]);
    }
}
