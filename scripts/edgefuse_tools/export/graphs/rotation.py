"""Rotations that spread activations evenly over a transformer's channels, without changing its output.

A few channels of a trained transformer have values many times larger than the others, and integer steps that fit those
are too coarse for the rest. In rotated coordinates there are no such channels (QuaRot, Ashkboos et al. 2024,
arXiv:2404.00456): if everything that is added to the residual stream is rotated, and every weight that reads it is
rotated back, the model is the same. This needs no calibration data and costs nothing at run time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse_tools.export.checkpoints.checkpoint import to_float32

Array = NDArray[Any]


def rotation(size: int) -> Array:
    """A fixed orthogonal, symmetric matrix [size, size] whose rows are spread like random directions.

    It preserves the mean: a vector of ones is unchanged. So a layer normalisation without scale and shift commutes with
    it (SliceGPT, Ashkboos et al. 2024, arXiv:2401.15024, needs a normalisation without a mean for that). It is a
    discrete cosine transform, random signs for all but the mean, and the inverse transform.
    """
    index = np.arange(size)
    cosines = np.cos(np.pi / size * np.outer(index, index + 0.5)) * np.sqrt(2 / size)
    cosines[0] /= np.sqrt(2)
    signs = np.random.RandomState(size).choice([-1.0, 1.0], size)
    signs[0] = 1.0
    return (cosines.T * signs @ cosines).astype(np.float32)


def by_head(size: int, heads: int) -> Array:
    """Rotation within each head: [size, size], block-diagonal."""
    return np.kron(np.eye(heads, dtype=np.float32), rotation(size // heads))


def reading(weight: Array, gamma: Array, rotate: Array) -> Array:
    """`weight` [out, in] of a layer after a normalisation with the scale `gamma` [in], for rotated inputs; `gamma` is
    folded in."""
    return to_float32(weight) * to_float32(gamma) @ rotate


def writing(weight: Array, rotate: Array) -> Array:
    """`weight` [out, in], or a bias or row of `out` values, for rotated outputs."""
    return rotate @ to_float32(weight)
