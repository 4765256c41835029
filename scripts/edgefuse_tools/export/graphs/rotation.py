"""Rotations that spread what a transformer computes evenly over its channels, without changing what comes out of it.

In a few channels of a trained transformer values are many times larger than in the others, and integers whose step is made
for those are coarse for the rest. In other coordinates there are no such channels (QuaRot, Ashkboos et al. 2024,
arXiv:2404.00456): if everything that is added to the residual stream is rotated, and every weight that reads it is rotated
back, the model is the same. Nothing is measured for it and nothing is added at run time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse_tools.export.checkpoints.checkpoint import to_float32

Array = NDArray[Any]


def rotation(size: int) -> Array:
    """An orthogonal, symmetric matrix [size, size] whose rows are spread like random directions; always the same one.

    It keeps the mean of what it rotates: a vector of ones comes out as it was. So a layer normalisation without scale and
    shift gives the rotated result of the rotated input (SliceGPT, Ashkboos et al. 2024, arXiv:2401.15024, needs one without
    a mean for that). It is a discrete cosine transform, random signs for all but the mean, and the transform back.
    """
    index = np.arange(size)
    cosines = np.cos(np.pi / size * np.outer(index, index + 0.5)) * np.sqrt(2 / size)
    cosines[0] /= np.sqrt(2)
    signs = np.random.RandomState(size).choice([-1.0, 1.0], size)
    signs[0] = 1.0
    return (cosines.T * signs @ cosines).astype(np.float32)


def by_head(size: int, heads: int) -> Array:
    """The rotation of each head's part of a vector by itself: [size, size], zero from one head to another."""
    return np.kron(np.eye(heads, dtype=np.float32), rotation(size // heads))


def reading(weight: Array, gamma: Array, rotate: Array) -> Array:
    """`weight` [out, in] of a layer behind a normalisation with the scale `gamma` [in], which it takes over, as one that reads
    rotated values."""
    return to_float32(weight) * to_float32(gamma) @ rotate


def writing(weight: Array, rotate: Array) -> Array:
    """`weight` [out, in], or a bias or row of `out` values, as one whose results are rotated."""
    return rotate @ to_float32(weight)
