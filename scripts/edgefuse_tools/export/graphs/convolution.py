"""Convolutions with the batch normalisation that follows them folded into their weights.

Shapes: a picture is [batch, channels, side, side] with a fixed side, so that padding is known when the graph is built.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgefuse_tools.export.checkpoints.checkpoint import to_float32
from edgefuse_tools.export.graphs.graph import GraphBuilder
from edgefuse_tools.export.graphs.section import Section


@dataclass(frozen=True)
class Picture:
    """A value of the graph: its name, its channels, and its side in pixels."""

    value: str
    channels: int
    side: int


@dataclass(frozen=True)
class Convolution:
    """Names of a convolution and of its batch normalisation, and what their weights do not tell."""

    weight: str
    norm: str
    stride: int = 1
    epsilon: float = 1e-5
    same: bool = False
    """Padding as in TensorFlow: as little as keeps ceil(side / stride) pixels, the larger part below and on the right;
    otherwise half the kernel on every side, as is usual in PyTorch."""


def convolution(g: GraphBuilder, w: Section, x: Picture, layer: Convolution) -> Picture:
    """`layer` over `x`. Number of outputs, groups and kernel are those of the weight."""
    weight = to_float32(w.checkpoint.raw(w.name(f"{layer.weight}.weight")))
    outputs, per_group, kernel, _ = weight.shape
    groups = x.channels // per_group
    gamma, beta, mean, variance = (
        to_float32(w.tensor(f"{layer.norm}.{part}", outputs)).astype(np.float64)
        for part in ("weight", "bias", "running_mean", "running_var")
    )
    scale = gamma / np.sqrt(variance + layer.epsilon)
    folded = (weight * scale[:, None, None, None]).astype(np.float32)
    name = w.name(layer.weight)
    weights = g.weight(f"{name}.weight", folded), g.weight(f"{name}.bias", (beta - mean * scale).astype(np.float32))
    side, pads = padded(x.side, kernel, layer.stride, layer.same)
    value = g.node(
        "Conv", x.value, *weights, group=groups, kernel_shape=[kernel, kernel], pads=pads,
        strides=[layer.stride, layer.stride],
    )  # fmt: skip
    return Picture(value, outputs, side)


def padded(side: int, kernel: int, stride: int, same: bool) -> tuple[int, list[int]]:
    """Side of the result, and ONNX's `pads`: top, left, bottom, right."""
    if not same:
        half = kernel // 2
        return (side + 2 * half - kernel) // stride + 1, [half] * 4
    after = -(-side // stride)
    total = max((after - 1) * stride + kernel - side, 0)
    return after, [total // 2, total // 2, total - total // 2, total - total // 2]


def pooled(g: GraphBuilder, x: Picture) -> str:
    """The mean of every channel: [batch, channels]."""
    return g.node("Flatten", g.node("GlobalAveragePool", x.value), axis=1)


def clip(g: GraphBuilder, x: Picture, low: float, high: float) -> Picture:
    """`x` limited to [low, high], such as ReLU6."""
    return Picture(g.node("Clip", x.value, g.scalar(low), g.scalar(high)), x.channels, x.side)


def relu(g: GraphBuilder, x: Picture) -> Picture:
    return Picture(g.node("Relu", x.value), x.channels, x.side)


def added(g: GraphBuilder, x: Picture, y: Picture) -> Picture:
    return Picture(g.node("Add", x.value, y.value), x.channels, x.side)
