"""Products with weights in each precision: linear layers, and the table that is both embedding and output layer.

Shapes as in `layers`; `in` and `out` are a layer's sizes, `vocab` the rows of a table.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse_tools.export.checkpoints.checkpoint import to_float32
from edgefuse_tools.export.graphs.graph import MICROSOFT, Dialect, GraphBuilder
from edgefuse_tools.export.graphs.precision import (
    BITS,
    BLOCK,
    Precision,
    block_integers,
    block_scales,
    channel_integers,
    channel_scales,
)

Array = NDArray[Any]

INTEGER_ACTIVATIONS = 4
"""`accuracy_level` of MatMulNBits: inputs are rounded to 8 bits by block, for an integer product."""


def linear_after_gelu(g: GraphBuilder, x: str, name: str, weight: Array, bias: Array) -> str:
    """As `linear`, for an `x` that is the output of a GELU: no value is below -0.17, and single positions may have far
    larger ones than all others (562 instead of about 1, in Whisper tiny.en).

    INT8 rounds `x` with a single step size, which such a value would make too coarse for the rest: so each position is
    divided by its largest value first, and its product multiplied by it.
    """
    if g.precision is not Precision.INT8:
        return linear(g, x, name, weight, bias)
    largest = g.node("Max", g.node("ReduceMax", x, axes=[-1]), g.scalar(1.0))
    product = _integer_product(g, g.node("Div", x, largest), *_channels(g, name, weight), None)
    return g.node("Add", g.node("Mul", product, largest), g.weight(f"{name}.bias", bias))


def linear(
    g: GraphBuilder, x: str, name: str, weight: Array, bias: Array | None = None, precision: Precision | None = None
) -> str:
    """`x` [..., in] times `weight` [out, in] (the layout of checkpoints) transposed, plus `bias` [out]: [..., out].

    In `precision`, if it is not that of the graph.
    """
    precision = precision or g.precision
    if precision is Precision.INT8:
        channels = _channels(g, name, weight)
        return _integer_product(g, x, *channels, None if bias is None else g.weight(f"{name}.bias", bias))
    if precision in BITS:
        product = _block_product(g, x, *_blocks(g, name, weight), weight.shape)
    elif precision is Precision.FP16:
        product = g.node("MatMul", x, _widened(g, g.weight(f"{name}.weight", weight.T, _half)))
    else:
        product = g.node("MatMul", x, g.weight(f"{name}.weight", weight.T))
    return product if bias is None else g.node("Add", product, g.weight(f"{name}.bias", bias))


class EmbeddingTable:
    """A table [vocab, hidden] for token lookup and for the logits of a tied output layer."""

    def __init__(self, g: GraphBuilder, name: str, table: Array, precision: Precision | None = None) -> None:
        """In `precision`, if it is not that of the graph."""
        self._g = g
        self._precision = precision or g.precision
        self._name = name
        self._shape = table.shape
        if self._precision is Precision.INT8:
            self._weights = [
                g.weight(f"{name}.rows", table, lambda table: channel_integers(table).T),
                *_channels(g, name, table),
            ]
        elif self._precision in BITS:
            integers, scales = _blocks(g, name, table)
            self._weights = [g.again(f"{name}.rows", integers), integers, scales]
        elif self._precision is Precision.FP16:
            self._weights = [g.weight(name, table.T, _half)]
        else:
            # Transposed, so that a row of `x` times the table streams through memory on x86 and ARM: a step of Whisper
            # tiny.en takes 7.4 ms instead of 10.5; the lookup of a few tokens is negligible.
            self._weights = [g.weight(name, table.T)]

    def lookup(self, ids: str) -> str:
        """The embeddings of `ids` [batch, tokens]: [batch, tokens, hidden]."""
        g, hidden = self._g, self._shape[1]
        rows, scales = self._weights[0], self._weights[-1]
        if self._precision is Precision.INT8:
            scale = g.node("Unsqueeze", g.node("Gather", scales, ids), g.integers(-1))
            return g.node("Mul", _floats(g, g.node("Gather", rows, ids)), scale)
        if self._precision in BITS:
            scale = g.node("Unsqueeze", g.node("Gather", scales, ids), g.integers(-1))
            packed = g.node("Gather", rows, ids)
            values = g.node("Mul", unpacked(g, packed, BITS[self._precision], BLOCK[self._precision]), scale)
            values = g.node("Reshape", values, g.integers(0, 0, -1))
            if hidden % BLOCK[self._precision]:
                values = g.node("Slice", values, g.integers(0), g.integers(hidden), g.integers(2))
            return values
        columns = g.node("Gather", rows, ids, axis=1)
        if self._precision is Precision.FP16:
            columns = _floats(g, columns)
        return g.node("Transpose", columns, perm=[1, 2, 0])

    def logits(self, x: str) -> str:
        """`x` [batch, hidden] against every row of the table: [batch, vocab].

        float32: ONNX Runtime repacks a constant right operand of a product at session start, and would then keep the
        table twice, once for this and once for the lookup: for tiny.en 79 MB and 0.15 s more. As the left operand it is
        used unchanged. Each sequence is a separate product, because a product with one column is fast; this helps steps
        of up to three sequences and slows down steps of five or more (13 ms instead of 9.5, or 5.4 with two copies of
        the table).
        """
        g = self._g
        if self._precision is not Precision.FP32:
            return self.every_logit(x)
        if g.dialect is Dialect.STANDARD:
            return g.node("Gemm", x, self._weights[0])
        columns = g.node("Unsqueeze", x, g.integers(2))
        product = g.node("FusedMatMul", self._weights[0], columns, domain=MICROSOFT, transA=1)
        return g.node("Squeeze", product, g.integers(2))

    def every_logit(self, x: str) -> str:
        """`x` [..., hidden] against every row of the table: [..., vocab]."""
        g = self._g
        if self._precision is Precision.INT8:
            _, integers, scales = self._weights
            return _integer_product(g, x, integers, scales, None)
        if self._precision in BITS:
            _, integers, scales = self._weights
            return _block_product(g, x, integers, scales, self._shape)
        table = self._weights[0]
        return g.node("MatMul", x, _widened(g, table) if self._precision is Precision.FP16 else table)


def _channels(g: GraphBuilder, name: str, weight: Array) -> tuple[str, str]:
    """`weight` [out, in] as int8 [in, out] and scales [out]."""
    integers = g.weight(f"{name}.integers", weight, channel_integers)
    return integers, g.weight(f"{name}.scales", weight, channel_scales)


def _blocks(g: GraphBuilder, name: str, weight: Array) -> tuple[str, str]:
    """`weight` [out, in] as the integers [out, blocks, bytes] and scales [out, blocks] of MatMulNBits."""
    bits, block = BITS[g.precision], BLOCK[g.precision]
    integers = g.weight(f"{name}.integers", weight, partial(block_integers, bits=bits, block=block))
    return integers, g.weight(f"{name}.scales", weight, partial(block_scales, bits=bits, block=block))


def _integer_product(g: GraphBuilder, x: str, integers: str, scales: str, bias: str | None) -> str:
    return g.node("DynamicQuantizeMatMul", x, integers, scales, "", bias or "", domain=MICROSOFT)


def _block_product(g: GraphBuilder, x: str, integers: str, scales: str, shape: tuple[int, ...]) -> str:
    return g.node(
        "MatMulNBits", x, integers, scales, domain=MICROSOFT, N=shape[0], K=shape[1],
        bits=BITS[g.precision], block_size=BLOCK[g.precision], accuracy_level=INTEGER_ACTIVATIONS,
    )  # fmt: skip


def unpacked(g: GraphBuilder, packed: str, bits: int, block: int) -> str:
    """The integers in uint8 [batch, tokens, blocks, bytes], minus half their range, as float32 [batch, tokens, blocks,
    block]."""
    values = _floats(g, packed)
    if bits == 8:
        return g.node("Sub", values, g.scalar(128.0))
    upper = g.node("Floor", g.node("Mul", values, g.scalar(1 / 16)))
    lower = g.node("Sub", values, g.node("Mul", upper, g.scalar(16.0)))
    axis = g.integers(-1)
    pairs = g.node("Concat", g.node("Unsqueeze", lower, axis), g.node("Unsqueeze", upper, axis), axis=-1)
    shape = g.integers(0, 0, 0, block)
    return g.node("Sub", g.node("Reshape", pairs, shape), g.scalar(8.0))


def _floats(g: GraphBuilder, x: str) -> str:
    return g.node("Cast", x, to=1)


def _widened(g: GraphBuilder, weight: str) -> str:
    """A float16 weight as float32, converted once per graph."""
    key = f"{weight} as float32"
    if key not in g.memo:
        g.memo[key] = _floats(g, weight)
    return g.memo[key]


def _half(array: Array) -> Array:
    return to_float32(array).astype(np.float16)
