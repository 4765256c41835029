//! Counts the operations of matrix products and convolutions from the shapes in a profile.
//!
//! A multiply-add counts as two operations. Everything else (softmax, normalisation, activations)
//! is not counted: it is a small part, and bound by memory rather than arithmetic.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The shapes of a node's tensors, which ONNX Runtime reports as `{type: shape}`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct NodeArguments {
    op_name: String,
    input_type_shape: Vec<BTreeMap<String, Vec<i64>>>,
    output_type_shape: Vec<BTreeMap<String, Vec<i64>>>,
}

/// Operations of one run of a node; 0 if it does not multiply matrices, or its shapes are not reported.
pub(super) fn flops(node: &NodeArguments) -> f64 {
    let shape = |list: &[BTreeMap<String, Vec<i64>>], index: usize| {
        list.get(index).and_then(|tensor| tensor.values().next()).cloned().unwrap_or_default()
    };
    let (a, b) = (shape(&node.input_type_shape, 0), shape(&node.input_type_shape, 1));
    let (c, present) = (shape(&node.output_type_shape, 0), shape(&node.output_type_shape, 1));
    let multiply_adds = match node.op_name.as_str() {
        "MatMul"
        | "MatMulNBits"
        | "MatMulInteger"
        | "MatMulIntegerToFloat"
        | "DynamicQuantizeMatMul"
        | "QLinearMatMul" => count(&c) * last(&a),
        // Either side may be transposed: the axis summed over is the remaining one.
        "FusedMatMul" | "Gemm" | "FusedGemm" if !c.is_empty() && a.len() <= c.len() => {
            count(&c) * count(&a) / count(&c[..c.len() - 1]).max(1.0)
        }
        // Weights are [out, in per group, ...]; their layout may be blocked, but the axes stay the same.
        "Conv" | "FusedConv" | "NhwcFusedConv" | "ConvInteger" | "QLinearConv" if b.len() > 1 => {
            count(&c) * count(&b[1..])
        }
        // Scores and weighted sum, each queries x keys x width. The present keys include the past ones.
        "MultiHeadAttention" if a.len() == 3 => {
            let keys = match (present.len(), b.len()) {
                (4, _) => present[2],
                (_, 4) => b[2],
                _ => b.get(1).copied().unwrap_or(a[1]),
            };
            2.0 * count(&a) * keys as f64
        }
        "LSTM" | "GRU" => {
            let recurrent = shape(&node.input_type_shape, 2);
            let steps = a.get(..2).map_or(0.0, count);
            steps * (count(&b) + count(&recurrent))
        }
        _ => 0.0,
    };
    2.0 * multiply_adds
}

fn count(shape: &[i64]) -> f64 {
    shape.iter().map(|&length| length.max(0) as f64).product()
}

fn last(shape: &[i64]) -> f64 {
    shape.last().map_or(0.0, |&length| length.max(0) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(op: &str, inputs: &str, outputs: &str) -> f64 {
        let json = format!(
            r#"{{"op_name": "{op}", "input_type_shape": {inputs}, "output_type_shape": {outputs}, "provider": "x"}}"#
        );
        flops(&serde_json::from_str(&json).unwrap())
    }

    #[test]
    fn products_convolutions_attention() {
        // [2, 5, 3] x [3, 4]: 2 * 2*5*4 * 3.
        assert_eq!(of("MatMul", r#"[{"float": [2, 5, 3]}, {"float": [3, 4]}]"#, r#"[{"float": [2, 5, 4]}]"#), 240.0);
        assert_eq!(of("MatMulNBits", r#"[{"float": [1, 1, 64]}]"#, r#"[{"float": [1, 1, 8]}]"#), 1_024.0);
        // Transposed: [3, 5]^T x [3, 4].
        assert_eq!(of("Gemm", r#"[{"float": [3, 5]}, {"float": [3, 4]}]"#, r#"[{"float": [5, 4]}]"#), 120.0);
        // 8 channels out, 3 in, 3 x 3, on 10 x 10.
        let conv =
            of("Conv", r#"[{"float": [1, 3, 10, 10]}, {"float": [8, 3, 3, 3]}]"#, r#"[{"float": [1, 8, 10, 10]}]"#);
        assert_eq!(conv, 2.0 * 800.0 * 27.0);
        // One query of width 384 over 7 keys: scores and sum.
        let inputs = r#"[{"float": [1, 1, 384]}, {"float": [1, 1, 384]}]"#;
        let outputs = r#"[{"float": [1, 1, 384]}, {"float": [1, 6, 7, 64]}]"#;
        assert_eq!(of("MultiHeadAttention", inputs, outputs), 2.0 * 2.0 * 384.0 * 7.0);
        assert_eq!(of("Add", r#"[{"float": [9]}]"#, r#"[{"float": [9]}]"#), 0.0);
    }

    #[test]
    fn nonsense_counts_nothing() {
        for op in ["MatMul", "Gemm", "Conv", "MultiHeadAttention", "LSTM"] {
            assert_eq!(of(op, "[]", "[]"), 0.0, "{op}");
            assert_eq!(of(op, r#"[{"float": [-1]}, {"float": []}]"#, r#"[{"float": [0]}]"#), 0.0, "{op}");
        }
    }
}
