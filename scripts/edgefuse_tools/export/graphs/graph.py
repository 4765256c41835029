"""Builder of ONNX graphs: collects nodes and weights, and writes a deterministic file.

Weights are kept as the given arrays (usually views of a memory-mapped checkpoint) and converted one at a time while the
file is written (`weight_file`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, Union

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from edgefuse_tools.export.checkpoints.checkpoint import to_float32
from edgefuse_tools.export.graphs.precision import Precision
from edgefuse_tools.export.graphs.weight_file import Array, Weight, WeightFile

OPSET = 17
IR_VERSION = 8
"""Opset 17 introduced LayerNormalization; ONNX Runtime 1.17, the oldest supported, reads IR up to 9."""

MICROSOFT = "com.microsoft"

Dimension = Union[int, str]
"""A fixed size, or the name of a dynamic axis."""

ELEMENT_TYPES = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64}


class Dialect(str, Enum):
    """Which operators a graph may use."""

    ORT = "ort"
    """Also ONNX Runtime's fused `com.microsoft` operators."""
    STANDARD = "standard"
    """Plain ONNX operators only."""


class GraphBuilder:
    """Collects one graph. Every method that adds something returns the name of the resulting value."""

    def __init__(self, name: str, dialect: Dialect, precision: Precision = Precision.FP32) -> None:
        self.name = name
        self.dialect = dialect
        self.precision = precision
        self.layers: int | None = None
        self._nodes: list[onnx.NodeProto] = []
        self._weights: dict[str, Weight] = {}
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._renames: dict[str, str] = {}
        self._described: dict[str, dict[str, Any]] = {"inputs": {}, "outputs": {}}
        self._counts: dict[str, int] = {}
        self.memo: dict[str, str] = {}
        """Values that several helpers share, such as the causal bias, by the helper's key."""

    # Inputs and outputs

    def input(self, role: str, element: str, shape: Sequence[Dimension]) -> str:
        """Declares the graph input `role`, which is also its name."""
        self._describe("inputs", role, role, element, shape)
        self._inputs.append(helper.make_tensor_value_info(role, ELEMENT_TYPES[element], list(shape)))
        return role

    def layer_inputs(self, role: str, layers: int, element: str, shape: Sequence[Dimension]) -> list[str]:
        """Declares one input per layer, named `role_0`, `role_1` and so on."""
        self._layered("inputs", role, layers, element, shape)
        names = [f"{role}_{layer}" for layer in range(layers)]
        for name in names:
            self._inputs.append(helper.make_tensor_value_info(name, ELEMENT_TYPES[element], list(shape)))
        return names

    def output(self, role: str, value: str, element: str, shape: Sequence[Dimension]) -> None:
        """Makes `value` the graph output `role`."""
        self._describe("outputs", role, role, element, shape)
        self._emit(role, value, element, shape)

    def layer_outputs(self, role: str, values: Sequence[str], element: str, shape: Sequence[Dimension]) -> None:
        """Makes `values`, one per layer, the graph outputs `role_0`, `role_1` and so on."""
        self._layered("outputs", role, len(values), element, shape)
        for layer, value in enumerate(values):
            self._emit(f"{role}_{layer}", value, element, shape)

    def describe(self) -> dict[str, Any]:
        """`layers`, `inputs` and `outputs` for the graph's entry in `model.yaml`."""
        layers = {} if self.layers is None else {"layers": self.layers}
        return layers | self._described

    def _emit(self, name: str, value: str, element: str, shape: Sequence[Dimension]) -> None:
        if value in self._renames:
            raise ValueError(f"{value} is already the graph output {self._renames[value]}")
        self._renames[value] = name
        self._outputs.append(helper.make_tensor_value_info(name, ELEMENT_TYPES[element], list(shape)))

    def _layered(self, side: str, role: str, layers: int, element: str, shape: Sequence[Dimension]) -> None:
        if self.layers not in (None, layers):
            raise ValueError(f"{role}: {layers} layers in a graph of {self.layers}")
        self.layers = layers
        self._describe(side, role, f"{role}_{{layer}}", element, shape)

    def _describe(self, side: str, role: str, name: str, element: str, shape: Sequence[Dimension]) -> None:
        self._described[side][role] = {"name": name, "type": element, "shape": list(shape)}

    # Weights, constants and nodes

    def weight(self, name: str, array: Array, encode: Callable[[Array], Array] = to_float32) -> str:
        """Adds the weight `name`, stored as `encode(array)` (by default float32)."""
        return self._add(Weight(name, array, encode))

    def again(self, name: str, weight: str) -> str:
        """Adds `weight` under a second name, at the same place in the file.

        ONNX Runtime repacks a constant of a product when it loads the graph and then releases the original, unless
        another node needs it unchanged. With two names each has its own: the lookup uses the mapped file, of which only
        the rows it reads take memory, and the product uses the repacked copy.
        """
        first = self._weights[weight]
        return self._add(Weight(name, first.array, first.encode, same_as=first.stands_in))

    def _add(self, weight: Weight) -> str:
        if weight.name in self._weights:
            raise ValueError(f"weight {weight.name} added twice")
        self._weights[weight.name] = weight
        return weight.name

    def constant(self, array: NDArray[Any]) -> str:
        """Adds a small constant of a fixed type; equal constants are stored once."""
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            self._constants[key] = f"constant_{len(self._constants)}"
        return self._constants[key]

    def integers(self, *values: int) -> str:
        """A constant int64 vector."""
        return self.constant(np.array(values, dtype=np.int64))

    def scalar(self, value: float) -> str:
        """A constant float32 scalar."""
        return self.constant(np.array(value, dtype=np.float32))

    def node(self, op: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Adds a node with one output. An empty string among `inputs` omits an optional input."""
        return self.nodes(op, *inputs, outputs=1, domain=domain, **attributes)[0]

    def nodes(
        self, op: str, *inputs: str, outputs: int, unused: Sequence[int] = (), domain: str = "", **attributes: Any
    ) -> list[str]:
        """Adds a node with several outputs, of which `unused` are omitted: their names are empty."""
        if domain == MICROSOFT and self.dialect is not Dialect.ORT:
            raise ValueError(f"{op} is not in the {self.dialect.value} dialect")
        index = self._counts.get(op, 0)
        self._counts[op] = index + 1
        base = f"{op}_{index}"
        names = [base] if outputs == 1 else [f"{base}.{output}" for output in range(outputs)]
        names = ["" if at in unused else name for at, name in enumerate(names)]
        node = helper.make_node(op, list(inputs), names, name=base, domain=domain, **dict(sorted(attributes.items())))
        self._nodes.append(node)
        return names

    # Writing

    def save(self, path: Path) -> list[Path]:
        """Writes the graph to `path` and its weights to `path` + `.data`; returns the files written."""
        weights = WeightFile(path.with_name(path.name + ".data"))
        self.save_sharing(path, weights)
        return [path, weights.path] if weights.close() else [path]

    def save_sharing(self, path: Path, weights: WeightFile) -> None:
        """Writes the graph to `path`, and those of its weights that are not in `weights` yet to that file in the same
        folder."""
        tensors = [
            onnx.numpy_helper.from_array(np.frombuffer(content, dtype=dtype).reshape(shape), name)
            for (dtype, shape, content), name in self._constants.items()
        ]
        tensors += [weights.tensor(weight) for weight in self._weights.values()]
        path.write_bytes(self._model(tensors).SerializeToString(deterministic=True))

    def _model(self, weights: list[TensorProto]) -> onnx.ModelProto:
        nodes = []
        for node in self._nodes:
            renamed = onnx.NodeProto()
            renamed.CopyFrom(node)
            renamed.ClearField("input")
            renamed.ClearField("output")
            renamed.input.extend(self._renames.get(value, value) for value in node.input)
            renamed.output.extend(self._renames.get(value, value) for value in node.output)
            nodes.append(renamed)
        graph = helper.make_graph(nodes, self.name, self._inputs, self._outputs, weights)
        opsets = [helper.make_opsetid("", OPSET)]
        if self.dialect is Dialect.ORT:
            opsets.append(helper.make_opsetid(MICROSOFT, 1))
        model = helper.make_model(graph, opset_imports=opsets, producer_name="edgefuse")
        model.ir_version = IR_VERSION
        return model
