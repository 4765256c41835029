"""Simplifies a traced graph: what is computed twice or from constants alone is computed once, here.

A trace spells out every shape and writes every constant anew; ONNX Runtime would clean most of it up at each start, and
weights that several modalities share would be cut up once for each of them.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

_SMALL = 1024  # elements; a constant may grow to this many, no more


def simplify(model: onnx.ModelProto, prefix: str) -> onnx.ModelProto:
    """``model`` with fewer nodes and the same outputs, bit for bit but for what constants alone decide.

    prefix: what the names of weights begin with, and need not
    """
    return _Simplifier(model, prefix).run()


class _Simplifier:
    """Goes once through the nodes, which come in the order of their computation."""

    def __init__(self, model: onnx.ModelProto, prefix: str) -> None:
        self._model = model
        self._prefix = prefix
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
        self._axes = {
            value.name: [axis.dim_value or axis.dim_param for axis in value.type.tensor_type.shape.dim]
            for value in [*inferred.value_info, *inferred.input]
        }
        self._shape_of: dict[str, str] = {}  # result of a Shape -> the value it is of
        self._lengths: dict[tuple[int | str, tuple[int, ...]], str] = {}  # a dynamic axis -> the value with its length
        self._opsets = list(model.opset_import)
        self._constants: dict[str, np.ndarray] = {}
        self._by_content: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._same: dict[str, str] = {}  # name -> the value that it equals
        self._seen: dict[bytes, list[str]] = {}  # what a node computes -> its outputs
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
        """Whether the node was computed: its inputs are constants, and its output is not much larger."""
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
        """Whether the node was the length of an axis that is always the same, or that is known from another value."""
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
        """Keeps a constant once, whatever names it has."""
        array = np.ascontiguousarray(array).reshape(array.shape)
        key = (array.dtype.str, array.shape, array.tobytes())
        first = self._by_content.setdefault(key, name)
        if first == name:
            self._constants[name] = array
        else:
            self._same[name] = first

    def _short_names(self, nodes: list[onnx.NodeProto], constants: dict[str, np.ndarray]) -> dict[str, str]:
        """Weights keep the names that the model has for them; what a trace named after its own nesting gets a number."""
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
        wanted, kept = set(self._outputs), []
        for node in reversed(self._nodes):
            if wanted.intersection(node.output):
                wanted.update(node.input)
                kept.append(node)
        return kept[::-1]
