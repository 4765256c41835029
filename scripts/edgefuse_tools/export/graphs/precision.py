"""Precisions in which the weights of a graph's products are stored, and the rounding to them."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse_tools.export.checkpoints.checkpoint import to_float32

Array = NDArray[Any]


class Precision(str, Enum):
    """Name as in a device file."""

    FP32 = "fp32"
    FP16 = "fp16"
    """Stored as float16, computed in float32."""
    INT8 = "int8"
    """8-bit integers with one scale per output; the other operand is rounded to 8 bits at run time.

    On x86 without VNNI, ONNX Runtime adds pairs of products in 16 bits, where large ones saturate, so it is less exact
    there. The precisions below do not saturate.
    """
    Q8 = "q8"
    """8-bit integers with one scale per block of inputs (`MatMulNBits`)."""
    Q4 = "q4"
    """4-bit integers with one scale per block of inputs (`MatMulNBits`)."""


DEFAULT = (Precision.FP32, Precision.INT8, Precision.Q8)
"""Default precisions of a model folder."""

PLAIN = (Precision.FP32, Precision.FP16)
"""Precisions that plain ONNX operators can compute."""

ENCODER = {Precision.Q4: Precision.INT8}
"""Precisions that use the encoder of another one: 4 bits would make it less exact and no faster."""

LEAST_RUNTIME = {Precision.Q8: {"avx2": "1.22", "default": "1.23"}}
"""First version of ONNX Runtime that runs a precision, if it is not 1.17: on x86 with AVX2, and on any processor."""


def least_runtimes(precisions: Iterable[Precision]) -> dict[str, dict[str, str]]:
    """`needs` of a graph that exists in `precisions`."""
    return {precision.value: dict(LEAST_RUNTIME[precision]) for precision in precisions if precision in LEAST_RUNTIME}


BITS = {Precision.Q8: 8, Precision.Q4: 4}
"""Bits of the precisions whose weights are in blocks."""

BLOCK = {Precision.Q8: 32, Precision.Q4: 32}
"""Inputs that share a scale: fewer are more exact and slower."""


def channel_scales(weight: Array) -> Array:
    """Scale [out] of each row of `weight` [out, in]: its largest value becomes 127."""
    return _no_zero(np.abs(to_float32(weight)).max(axis=1) / 127)


def channel_integers(weight: Array) -> Array:
    """`weight` [out, in] divided by its scales, rounded to int8, and transposed: [in, out]."""
    values = to_float32(weight)
    return np.round(values / channel_scales(values)[:, None]).astype(np.int8).T


def block_scales(weight: Array, bits: int, block: int) -> Array:
    """Scale of each block of `weight` [out, in]: [out, blocks].

    The value furthest from zero becomes the integer furthest from zero: -128 or 127, whichever is nearer, for 8 bits;
    -8 for 4 bits.
    """
    blocks = _blocks(weight, block)
    if bits == 8:
        return _no_zero(np.abs(blocks).max(axis=2) / 127)
    furthest = np.take_along_axis(blocks, np.abs(blocks).argmax(axis=2)[..., None], axis=2)[..., 0]
    return _no_zero(furthest / -8)


def block_integers(weight: Array, bits: int, block: int) -> Array:
    """`weight` [out, in] divided by its scales, rounded, plus half the range: uint8 [out, blocks, block * bits / 8].

    With 4 bits, two integers share a byte, the first in its lower half.
    """
    half = 1 << (bits - 1)
    scaled = _blocks(weight, block) / block_scales(weight, bits, block)[..., None]
    integers = (np.round(scaled) + half).clip(0, 2 * half - 1).astype(np.uint8)
    return integers if bits == 8 else integers[..., 0::2] | integers[..., 1::2] << 4


def _blocks(weight: Array, block: int) -> Array:
    """`weight` [out, in] as float32 [out, blocks, block], padded with zeros."""
    outputs, inputs = weight.shape
    padded = np.zeros((outputs, -(-inputs // block) * block), np.float32)
    padded[:, :inputs] = to_float32(weight)
    return padded.reshape(outputs, -1, block)


def _no_zero(scales: Array) -> Array:
    return np.where(scales == 0, 1, scales).astype(np.float32)
