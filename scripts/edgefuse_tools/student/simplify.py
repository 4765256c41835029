"""Simplifies a traced graph: eliminates common subexpressions and folds constants.

A trace computes every shape explicitly and repeats every constant. ONNX Runtime would simplify most of it at each
start, but weights that several modalities share would be split once for each of them.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

_SMALL = 1024  # elements; maximum size to which a folded constant may grow


def simplify(model: onnx.ModelProto, prefix: str) -> onnx.ModelProto:
    """``model`` with fewer nodes and the same outputs, bit for bit except for folded constants.

    prefix: prefix to remove from the names of weights
    """
    return _Simplifier(model, prefix).run()


class _Simplifier:
    """A single pass over the nodes, which are in topological order."""

    def __init__(self, model: onnx.ModelProto, prefix: str) -> None:
        self._model = model
        self._prefix = prefix
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
        self._axes = {
            value.name: [axis.dim_value or axis.dim_param for axis in value.type.tensor_type.shape.dim]
            for value in [*inferred.value_info, *inferred.input]
        }
        self._shape_of: dict[str, str] = {}  # result of a Shape -> its input
        self._lengths: dict[tuple[int | str, tuple[int, ...]], str] = {}  # a dynamic axis -> the value with its length
        self._opsets = list(model.opset_import)
        self._constants: dict[str, np.ndarray] = {}
        self._by_content: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._same: dict[str, str] = {}  # name -> equal value
        self._seen: dict[bytes, list[str]] = {}  # computation of a node -> its outputs
        self._outputs = {output.name for output in model.graph.output}
        self._nodes: list[onnx.NodeProto] = []

    def run(self) -> onnx.ModelProto:
        graph = self._model.graph
        for weight in graph.initializer:
            self._constant(weight.name, numpy_helper.to_array(weight))
        for node in graph.node:
            self._take(node)
        nodes = self._used()
        read = {name for node in nodes for name in node.input}
        constants = {name: array for name, array in self._constants.items() if name in read}
        names = self._short_names(nodes, constants)
        for node in nodes:
            for side in (node.input, node.output):
                renamed = [names.get(name, name) for name in side]
                del side[:]
                side.extend(renamed)
        weights = [numpy_helper.from_array(array, names[name]) for name, array in constants.items()]
        simple = helper.make_graph(nodes, graph.name, graph.input, graph.output, weights)
        return helper.make_model(simple, opset_imports=self._opsets)

    def _take(self, node: onnx.NodeProto) -> None:
        inputs = [self._same.get(name, name) for name in node.input]
        del node.input[:]
        node.input.extend(inputs)
        node.ClearField("doc_string")
        node.ClearField("name")
        if node.op_type == "Identity" and node.output[0] not in self._outputs:
            self._same[node.output[0]] = inputs[0]
            return
        if self._fold(node) or self._fold_length(node):
            return
        if node.op_type == "Shape" and not node.attribute:
            self._shape_of[node.output[0]] = inputs[0]
        outputs = list(node.output)
        bare = onnx.NodeProto()
        bare.CopyFrom(node)
        del bare.output[:]
        key = bare.SerializeToString(deterministic=True) + bytes([len(outputs)])
        if key in self._seen and not self._outputs.intersection(outputs):
            self._same.update(zip(outputs, self._seen[key]))
            return
        self._seen.setdefault(key, outputs)
        self._nodes.append(node)

    def _fold(self, node: onnx.NodeProto) -> bool:
        """Folds the node if its inputs are constants and its output is not much larger; returns whether it did."""
        given = [name for name in node.input if name]
        if self._outputs.intersection(node.output) or not all(name in self._constants for name in given):
            return False
        known = {name: self._constants[name] for name in given}
        ports = [
            helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(it.dtype), None)
            for name, it in known.items()
        ]
        results = [onnx.ValueInfoProto(name=name) for name in node.output]
        one = helper.make_model(helper.make_graph([node], "one", ports, results), opset_imports=self._opsets)
        computed = [np.asarray(array) for array in ReferenceEvaluator(one).run(None, known)]
        largest = max([_SMALL, *(array.size for array in known.values())])
        if any(array.size > largest for array in computed):
            return False
        for name, array in zip(node.output, computed):
            self._constant(name, array)
        return True

    def _fold_length(self, node: onnx.NodeProto) -> bool:
        """Folds the length of an axis that is fixed or known from another value; returns whether it did."""
        if node.op_type != "Gather" or node.input[0] not in self._shape_of or node.input[1] not in self._constants:
            return False
        axes, index = self._axes.get(self._shape_of[node.input[0]], []), self._constants[node.input[1]]
        if index.size != 1 or not -len(axes) <= index.item() < len(axes) or not axes[index.item()]:
            return False
        length = axes[index.item()]
        if isinstance(length, int):
            self._constant(node.output[0], np.full(index.shape, length, dtype=np.int64))
            return True
        known = self._lengths.setdefault((length, index.shape), node.output[0])
        self._same[node.output[0]] = known
        return known != node.output[0]

    def _constant(self, name: str, array: np.ndarray) -> None:
        """Stores a constant once, under any of its names."""
        array = np.ascontiguousarray(array).reshape(array.shape)
        key = (array.dtype.str, array.shape, array.tobytes())
        first = self._by_content.setdefault(key, name)
        if first == name:
            self._constants[name] = array
        else:
            self._same[name] = first

    def _short_names(self, nodes: list[onnx.NodeProto], constants: dict[str, np.ndarray]) -> dict[str, str]:
        """Weights keep their names in the model; names that a trace derived from its nesting become numbers."""
        names = {}
        for number, name in enumerate(constants):
            traced = "/" in name or "::" in name
            names[name] = f"constant_{number}" if traced else name.removeprefix(self._prefix)
        for number, node in enumerate(nodes):
            for place, name in enumerate(node.output):
                if name and name not in self._outputs:
                    names[name] = f"{node.op_type}_{number}" + (f".{place}" if place else "")
        return names

    def _used(self) -> list[onnx.NodeProto]:
        """The nodes that an output depends on."""
        needed, kept = set(self._outputs), []
        for node in reversed(self._nodes):
            if needed.intersection(node.output):
                needed.update(node.input)
                kept.append(node)
        return kept[::-1]
