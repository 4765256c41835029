"""Matrices whose weights come in blocks of integers, as GGUF files have them, and products with them.

A value is (integer - half) * scale + offset, with one scale and, in some formats, one offset per block of inputs; half is
8 for 4 bits and 128 for 8. `MatMulNBits` computes the first part. A zero point per block could only approximate the
offset, so it is added exactly: the block's offset times the sum of its inputs, a product with 1 / block of the work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse_tools.export.graphs.graph import MICROSOFT, GraphBuilder
from edgefuse_tools.export.graphs.linear import INTEGER_ACTIVATIONS, unpacked

Array = NDArray[Any]


@dataclass(frozen=True)
class Layout:
    """Format of the blocks of a matrix."""

    bits: int
    block: int
    """Inputs per block."""
    offsets: bool
    """Whether blocks have an offset."""


@dataclass(frozen=True)
class Blocks:
    """The blocks of a matrix [out, in]."""

    integers: Array
    """uint8 [out, blocks, block * bits / 8]; with 4 bits, two integers share a byte, the first in its lower half."""
    scales: Array
    """float32 [out, blocks]"""
    offsets: Array | None
    """float32 [out, blocks]"""


@dataclass(frozen=True)
class Matrix:
    """A matrix [out, in] that is read when it is needed."""

    shape: tuple[int, int]
    floats: Callable[[], Array]
    """Its values, of any float type."""
    layout: Layout | None = None
    """Format of its blocks, if it has any."""
    blocks: Callable[[], Blocks] | None = None

    def rows(self, order: Array) -> Matrix:
        """This matrix with its rows in another order."""
        blocks = self.blocks
        reordered = None
        if blocks is not None:
            reordered = _of_each(lambda array: array[order], [blocks])
        return Matrix(self.shape, lambda: self.floats()[order], self.layout, reordered)


def stacked(parts: Sequence[Matrix]) -> Matrix:
    """The rows of all `parts`, which have the same inputs and the same layout."""
    rows = sum(part.shape[0] for part in parts)
    blocks = [part.blocks for part in parts if part.blocks is not None]
    joined = _of_each(lambda *arrays: np.concatenate(arrays), blocks) if len(blocks) == len(parts) else None
    floats = [part.floats for part in parts]
    return Matrix(
        (rows, parts[0].shape[1]),
        lambda: np.concatenate([np.asarray(values()) for values in floats]),
        parts[0].layout,
        joined,
    )


class BlockWeights:
    """A matrix in blocks that was added to a graph."""

    def __init__(self, g: GraphBuilder, name: str, matrix: Matrix) -> None:
        layout, blocks = matrix.layout, matrix.blocks
        if layout is None or blocks is None:
            raise ValueError(f"{name} has no blocks")
        self._g, self._name, self._shape = g, name, matrix.shape
        self._layout, self._blocks = layout, blocks
        self._integers = g.weight(f"{name}.integers", _NOTHING, lambda _: blocks().integers)
        self._scales = g.weight(f"{name}.scales", _NOTHING, lambda _: blocks().scales)

    def product(self, x: str) -> str:
        """`x` [rows, in] times the matrix transposed: [rows, out]."""
        g, layout = self._g, self._layout
        product = g.node(
            "MatMulNBits", x, self._integers, self._scales, domain=MICROSOFT, N=self._shape[0], K=self._shape[1],
            bits=layout.bits, block_size=layout.block, accuracy_level=INTEGER_ACTIVATIONS,
        )  # fmt: skip
        if not layout.offsets:
            return product
        offsets = g.weight(f"{self._name}.offsets", _NOTHING, lambda _: _offsets(self._blocks()).T)
        return g.node("Gemm", _block_sums(g, x, self._shape[1], layout.block), offsets, product)

    def lookup(self, ids: str) -> str:
        """The rows `ids` [batch, tokens]: [batch, tokens, in]."""
        g, layout = self._g, self._layout
        rows = g.again(f"{self._name}.rows", self._integers)
        values = unpacked(g, g.node("Gather", rows, ids), layout.bits, layout.block)
        values = g.node("Mul", values, _per_block(g, self._scales, ids))
        if layout.offsets:
            offsets = g.weight(f"{self._name}.row_offsets", _NOTHING, lambda _: _offsets(self._blocks()))
            values = g.node("Add", values, _per_block(g, offsets, ids))
        return g.node("Reshape", values, g.integers(0, 0, -1))


def pack_nibbles(integers: Array) -> Array:
    """Integers 0..15 [..., even] as bytes [..., even / 2], the first of each pair in the lower half."""
    return (integers[..., 0::2] | integers[..., 1::2] << 4).astype(np.uint8)


_NOTHING = np.zeros(0, np.float32)
"""Placeholder for weights that are read only while they are written."""


def _offsets(blocks: Blocks) -> Array:
    assert blocks.offsets is not None
    return blocks.offsets


def _per_block(g: GraphBuilder, values: str, ids: str) -> str:
    return g.node("Unsqueeze", g.node("Gather", values, ids), g.integers(-1))


def _block_sums(g: GraphBuilder, x: str, inputs: int, block: int) -> str:
    """The sum of each block of `x` [rows, in]: [rows, in / block]; computed once for all products with `x`."""
    key = f"sums of {block} of {x}"
    if key not in g.memo:
        split = g.node("Reshape", x, g.integers(-1, inputs // block, block))
        g.memo[key] = g.node("ReduceSum", split, g.integers(2), keepdims=0)
    return g.memo[key]


def _of_each(change: Callable[..., Array], parts: Sequence[Callable[[], Blocks]]) -> Callable[[], Blocks]:
    """Applies `change` to the integers, the scales and the offsets of all parts."""

    def changed() -> Blocks:
        read = [part() for part in parts]
        offsets = [part.offsets for part in read]
        return Blocks(
            change(*(part.integers for part in read)),
            change(*(part.scales for part in read)),
            None if offsets[0] is None else change(*offsets),
        )

    return changed
