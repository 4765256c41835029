"""The weights of Silero VAD at 16 kHz, from the `silero_vad.onnx` in its package.

The package's other files cannot be used: in 6.2.3, `silero_vad_16k.safetensors` and `silero_vad_half.onnx` contain the
weights of an earlier training. The graph is one `If`: its `then_branch` is the network for 16 kHz, its `else_branch`
the one for 8 kHz, each with its weights as `Constant` nodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import numpy_helper

from edgefuse_tools.export.errors import ExportError

SAMPLE_RATE = 16_000
CHUNK_SAMPLES = 512
CONTEXT_SAMPLES = 64
"""Input of one step of the network: the last samples of the previous chunk, then a chunk."""

WINDOW = 256
HOP = 128
"""Hop and window of the short-time Fourier transform, in samples."""

BINS = WINDOW // 2 + 1
HIDDEN = 128
CONVOLUTIONS = [(BINS, 128, 1), (128, 64, 2), (64, 64, 2), (64, HIDDEN, 1)]
"""(in, out, stride) of the four convolutions over time, with kernels of 3 frames and zero padding of 1."""

BRANCH = "then_branch"

SHAPES: dict[str, tuple[int, ...]] = {
    "stft.forward_basis_buffer": (2 * BINS, 1, WINDOW),
    **{
        f"encoder.{layer}.reparam_conv.{part}": shape
        for layer, (size_in, size_out, _) in enumerate(CONVOLUTIONS)
        for part, shape in (("weight", (size_out, size_in, 3)), ("bias", (size_out,)))
    },
    "decoder.rnn.weight_ih": (4 * HIDDEN, HIDDEN),
    "decoder.rnn.weight_hh": (4 * HIDDEN, HIDDEN),
    "decoder.rnn.bias_ih": (4 * HIDDEN,),
    "decoder.rnn.bias_hh": (4 * HIDDEN,),
    "decoder.decoder.2.weight": (1, HIDDEN, 1),
    "decoder.decoder.2.bias": (1,),
}
"""Shape of every weight of the 16 kHz network, by the end of its name in the graph. The LSTM's gates are in PyTorch's
order: input, forget, cell, output."""


def read_weights(path: Path) -> Mapping[str, np.ndarray]:
    """The arrays of `SHAPES`, float32."""
    try:
        model = onnx.load(path, load_external_data=False)
    except DecodeError as error:
        raise ExportError(f"{path}: not an ONNX file; pass the silero_vad.onnx of the package silero-vad") from error
    branch = _branch(path, model.graph)
    constants = {
        node.output[0]: attribute.t
        for node in branch.node
        if node.op_type == "Constant" and len(node.output) == 1
        for attribute in node.attribute
        if attribute.name == "value"
    }
    return {name: _tensor(path, constants, name, shape) for name, shape in SHAPES.items()}


def _branch(path: Path, graph: onnx.GraphProto) -> onnx.GraphProto:
    for node in graph.node:
        for attribute in node.attribute:
            if node.op_type == "If" and attribute.name == BRANCH:
                return attribute.g
    raise ExportError(
        f"{path}: no choice of sampling rates; pass the silero_vad.onnx of the package silero-vad, version 5 or 6"
    )


def _tensor(path: Path, constants: Mapping[str, onnx.TensorProto], name: str, shape: tuple[int, ...]) -> np.ndarray:
    found = [tensor for full_name, tensor in constants.items() if full_name.endswith(f"__{name}")]
    if len(found) != 1:
        raise ExportError(f"{path}: weight {name} of the 16 kHz network is {'missing' if not found else 'duplicated'}")
    (tensor,) = found
    if tensor.data_type != onnx.TensorProto.FLOAT or tuple(tensor.dims) != shape:
        kind = onnx.TensorProto.DataType.Name(tensor.data_type)
        raise ExportError(f"{path}: weight {name} is {kind} {list(tensor.dims)}; expected FLOAT {list(shape)}")
    try:
        return numpy_helper.to_array(tensor)
    except ValueError as error:
        raise ExportError(f"{path}: weight {name} is damaged: {error}") from error
