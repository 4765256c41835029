"""Small ONNX graphs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from onnx import TensorProto, helper, numpy_helper


def graphs() -> Iterator[tuple[str, bytes]]:
    """With a constant, a branch, and weights in a file of their own."""
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y", "z")]
    branch = helper.make_graph([helper.make_node("Neg", ["x"], ["z"])], "branch", [], [values[2]])
    outside = numpy_helper.from_array(np.ones(4, np.float32), "weights")
    outside.ClearField("raw_data")
    outside.data_location = TensorProto.EXTERNAL
    for key, value in {"location": "graph.onnx.data", "offset": "0", "length": "16"}.items():
        outside.external_data.add(key=key, value=value)
    nodes = [
        helper.make_node("Constant", [], ["yes"], value=helper.make_tensor("c", TensorProto.BOOL, [], [True])),
        helper.make_node("If", ["yes"], ["a"], then_branch=branch, else_branch=branch),
        helper.make_node("MatMul", ["a", "weights"], ["y"]),
    ]
    graph = helper.make_graph(nodes, "graph", [values[0]], [values[1]], [outside])
    yield "graph.onnx", helper.make_model(graph, ir_version=8).SerializeToString(deterministic=True)
