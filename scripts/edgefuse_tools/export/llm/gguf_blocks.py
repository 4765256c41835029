"""GGUF's block formats as `Blocks`, exactly. Reference: ggml, ggml-common.h and ggml-quants.c.

Every format becomes 4-bit or 8-bit integers around half their range with a scale and, where the format has a minimum, an
offset; nothing is rounded a second time. Formats of 5 and 6 bits become 8-bit integers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse_tools.export.graphs.blocks import Blocks, Layout, pack_nibbles

Array = NDArray[Any]

BLOCK = 32
"""Weights per block of the simple formats."""

SUPER = 256
"""Weights per block of the K formats, which divide it further."""


@dataclass(frozen=True)
class Format:
    """One of GGUF's block formats."""

    layout: Layout
    weights: int
    """Weights per stored block."""
    bytes: int
    """Bytes per stored block."""
    read: Callable[[Array], tuple[Array, Array, Array | None]]
    """Stored blocks, uint8 [blocks, bytes], to integers [blocks, weights] in 0..15 or 0..255, and scales and offsets
    [blocks, weights / layout.block]."""

    def blocks(self, stored: Array, rows: int, columns: int) -> Blocks:
        """The blocks of a matrix [rows, columns] whose bytes are `stored`."""
        integers, scales, offsets = self.read(stored.reshape(-1, self.bytes))
        per_row = columns // self.layout.block
        integers = integers.astype(np.uint8).reshape(rows, per_row, self.layout.block)
        packed = pack_nibbles(integers) if self.layout.bits == 4 else integers
        shaped = None if offsets is None else offsets.astype(np.float32).reshape(rows, per_row)
        return Blocks(packed, scales.astype(np.float32).reshape(rows, per_row), shaped)

    def floats(self, stored: Array, rows: int, columns: int) -> Array:
        """The values of the same matrix, float32."""
        integers, scales, offsets = self.read(stored.reshape(-1, self.bytes))
        half = 1 << (self.layout.bits - 1)
        values = integers.astype(np.float32).reshape(-1, self.layout.block) - half
        values *= scales.astype(np.float32).reshape(-1, 1)
        if offsets is not None:
            values += offsets.astype(np.float32).reshape(-1, 1)
        return values.reshape(rows, columns)


def _half(stored: Array, at: int) -> Array:
    """The float16 at byte `at` of each block, as float32 [blocks, 1]."""
    return np.ascontiguousarray(stored[:, at : at + 2]).view(np.float16).astype(np.float32)


def _nibbles(stored: Array) -> Array:
    """The lower halves of all bytes, then the upper halves."""
    return np.concatenate([stored & 15, stored >> 4], axis=-1)


def _fifth_bits(stored: Array) -> Array:
    """Bits 0..31 of 4 bytes, each as 16 or 0."""
    return np.unpackbits(stored, axis=-1, bitorder="little") << 4


def _q8_0(stored: Array) -> tuple[Array, Array, Array | None]:
    return stored[:, 2:] ^ 0x80, _half(stored, 0), None  # int8 plus 128


def _q4_0(stored: Array) -> tuple[Array, Array, Array | None]:
    return _nibbles(stored[:, 2:]), _half(stored, 0), None


def _q4_1(stored: Array) -> tuple[Array, Array, Array | None]:
    scale = _half(stored, 0)
    return _nibbles(stored[:, 4:]), scale, _half(stored, 2) + 8 * scale


def _q5_0(stored: Array) -> tuple[Array, Array, Array | None]:
    return (_nibbles(stored[:, 6:]) | _fifth_bits(stored[:, 2:6])) + 112, _half(stored, 0), None  # -16 + 128


def _q5_1(stored: Array) -> tuple[Array, Array, Array | None]:
    return (_nibbles(stored[:, 8:]) | _fifth_bits(stored[:, 4:8])) + 128, _half(stored, 0), _half(stored, 2)


def _scales_and_minima(stored: Array) -> tuple[Array, Array]:
    """Six bits each for 8 scales and 8 minima, in 12 bytes (`get_scale_min_k4`): [blocks, 8] both."""
    first, second, third = stored[:, 0:4], stored[:, 4:8], stored[:, 8:12]
    scales = np.concatenate([first & 63, third & 15 | (first >> 6) << 4], axis=1)
    minima = np.concatenate([second & 63, third >> 4 | (second >> 6) << 4], axis=1)
    return scales.astype(np.float32), minima.astype(np.float32)


def _nibbles_of_groups(stored: Array) -> Array:
    """128 bytes in groups of 32, each group's lower halves before its upper halves: [blocks, 256]."""
    return _nibbles(stored.reshape(-1, 4, BLOCK)).reshape(-1, SUPER)


def _q4_k(stored: Array) -> tuple[Array, Array, Array | None]:
    scales, minima = _scales_and_minima(stored[:, 4:16])
    scales = scales * _half(stored, 0)
    return _nibbles_of_groups(stored[:, 16:]), scales, 8 * scales - minima * _half(stored, 2)


def _q5_k(stored: Array) -> tuple[Array, Array, Array | None]:
    scales, minima = _scales_and_minima(stored[:, 4:16])
    scales = scales * _half(stored, 0)
    # Bit b of byte i is the fifth bit of weight 32 b + i.
    bits = np.unpackbits(stored[:, 16:48], axis=-1, bitorder="little").reshape(-1, BLOCK, 8)
    fifth = bits.transpose(0, 2, 1).reshape(-1, SUPER) << 4
    return (_nibbles_of_groups(stored[:, 48:]) | fifth) + 128, scales, -minima * _half(stored, 2)


def _q6_k(stored: Array) -> tuple[Array, Array, Array | None]:
    # Two halves of 128 weights: 64 bytes with the lower 4 bits, 32 bytes with the upper 2 of four weights each.
    lower = _nibbles(stored[:, :128].reshape(-1, 2, 64))
    upper = stored[:, 128:192].reshape(-1, 2, 1, 32) >> np.arange(0, 8, 2, dtype=np.uint8).reshape(1, 1, 4, 1) & 3
    integers = (lower | upper.reshape(-1, 2, 128) << 4).reshape(-1, SUPER) + 96  # -32 + 128
    scales = np.ascontiguousarray(stored[:, 192:208]).view(np.int8).astype(np.float32)
    return integers, scales * _half(stored, 208), None


FORMATS: dict[str, Format] = {
    "Q8_0": Format(Layout(8, 32, False), BLOCK, 34, _q8_0),
    "Q4_0": Format(Layout(4, 32, False), BLOCK, 18, _q4_0),
    "Q4_1": Format(Layout(4, 32, True), BLOCK, 20, _q4_1),
    "Q5_0": Format(Layout(8, 32, False), BLOCK, 22, _q5_0),
    "Q5_1": Format(Layout(8, 32, True), BLOCK, 24, _q5_1),
    "Q4_K": Format(Layout(4, 32, True), SUPER, 144, _q4_k),
    "Q5_K": Format(Layout(8, 32, True), SUPER, 176, _q5_k),
    "Q6_K": Format(Layout(8, 16, False), SUPER, 210, _q6_k),
}
"""By GGUF's name."""
