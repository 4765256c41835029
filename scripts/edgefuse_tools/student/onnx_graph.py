"""Any fusion model as an ONNX graph: traced, then simplified; plain operators, opset 17, dynamic batch, token and frame
counts.

Deterministic: the same weights and the same PyTorch produce the same bytes.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from typing import Any

import onnx
import torch
from torch import nn

from edgefuse_tools.export.graphs.graph import IR_VERSION, OPSET
from edgefuse_tools.student.forms import Interface, Port
from edgefuse_tools.student.simplify import simplify

#: Lengths of the dynamic axes while tracing; none is 1, which a trace may treat as an axis to be expanded.
_TRACED = {"batch": 2, "tokens": 5, "frames": 40}


def trace(model: nn.Module, interface: Interface, temperature: float = 1.0) -> onnx.ModelProto:
    """The graph of ``model``, its logits divided by ``temperature``.

    ``model`` takes the interface's inputs as keyword arguments by role, and returns its outputs by role: as a mapping,
    or as a named tuple with these fields.
    """
    inputs, outputs = interface.inputs(), interface.outputs()
    ports = [*inputs.values(), *outputs.values()]
    buffer = io.BytesIO()
    training = model.training
    traced = _Positional(model.eval(), list(inputs), list(outputs), temperature)
    with warnings.catch_warnings():
        # The exporter based on torch.export needs another package, and produces the same graph.
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            traced,
            tuple(_example(port) for port in inputs.values()),
            buffer,
            dynamo=False,
            opset_version=OPSET,
            input_names=[port.name for port in inputs.values()],
            output_names=[port.name for port in outputs.values()],
            dynamic_axes={port.name: dict(_dynamic(port)) for port in ports},
        )
    model.train(training)
    graph = onnx.load_from_string(buffer.getvalue())
    return _described(simplify(graph, "_model."), interface)


class _Positional(nn.Module):
    """The model with positional inputs and outputs, for the exporter."""

    def __init__(self, model: nn.Module, inputs: list[str], outputs: list[str], temperature: float) -> None:
        super().__init__()
        self._model = model
        self._inputs = inputs
        self._outputs = outputs
        self._temperature = temperature

    def forward(self, *tensors: torch.Tensor) -> tuple[torch.Tensor, ...]:
        given: Any = self._model(**dict(zip(self._inputs, tensors)))
        named: Mapping[str, torch.Tensor] = given._asdict() if hasattr(given, "_asdict") else given
        if set(named) != set(self._outputs):
            raise ValueError(f"the model returns {sorted(named)}, but its interface lists {sorted(self._outputs)}")
        ordered = [named[name] for name in self._outputs]
        if self._temperature != 1.0:
            ordered[0] = ordered[0] * (1.0 / self._temperature)
        return tuple(ordered)


def _example(port: Port) -> torch.Tensor:
    shape = [_TRACED[axis] if isinstance(axis, str) else axis for axis in port.shape]
    return torch.ones(shape, dtype=torch.int64) if port.element == "int64" else torch.zeros(shape)


def _dynamic(port: Port) -> list[tuple[int, str]]:
    return [(index, axis) for index, axis in enumerate(port.shape) if isinstance(axis, str)]


def _described(model: onnx.ModelProto, interface: Interface) -> onnx.ModelProto:
    """Sets the interface's shapes, and removes traces of the environment in which it was traced."""
    graph = model.graph
    graph.name = "student"
    for values, ports in ((graph.input, interface.inputs()), (graph.output, interface.outputs())):
        by_name = {port.name: port for port in ports.values()}
        kept = [by_name[value.name] for value in values]
        missing = set(by_name) - {port.name for port in kept}
        if missing:
            raise ValueError(f"the model does not use {sorted(missing)}")
        del values[:]
        types = {"float32": onnx.TensorProto.FLOAT, "int64": onnx.TensorProto.INT64}
        values.extend(onnx.helper.make_tensor_value_info(it.name, types[it.element], list(it.shape)) for it in kept)
    opsets = [onnx.helper.make_opsetid("", OPSET)]
    described = onnx.helper.make_model(graph, opset_imports=opsets, producer_name="edgefuse")
    described.ir_version = IR_VERSION
    onnx.checker.check_model(described)
    return described
