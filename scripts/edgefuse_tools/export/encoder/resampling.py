"""Position embeddings for pictures of another size than the checkpoint's."""

from __future__ import annotations

import numpy as np

CUBIC = -0.75
"""Coefficient of PyTorch's bicubic interpolation."""


def resized_positions(positions: np.ndarray, side: int) -> np.ndarray:
    """`positions` [1 + patches, hidden], the class token's first, for a grid of `side` x `side` patches.

    As torch.nn.functional.interpolate with mode bicubic and without align_corners, which transformers uses.
    """
    old = round((len(positions) - 1) ** 0.5)
    if old == side:
        return positions
    matrix = _cubic_matrix(old, side)
    grid = positions[1:].astype(np.float64).reshape(old, old, -1)
    resized = np.einsum("yo,xp,oph->yxh", matrix, matrix, grid, optimize=True)
    return np.concatenate([positions[:1], resized.reshape(side * side, -1).astype(np.float32)])


def _cubic_matrix(old: int, new: int) -> np.ndarray:
    """[new, old]: weights of the old positions; those outside count for the nearest inside."""
    matrix = np.zeros((new, old))
    for at in range(new):
        centre = (at + 0.5) * old / new - 0.5
        base = int(np.floor(centre))
        for tap in range(base - 1, base + 3):
            matrix[at, min(max(tap, 0), old - 1)] += _cubic(abs(centre - tap))
    return matrix


def _cubic(x: float) -> float:
    if x <= 1:
        return ((CUBIC + 2) * x - (CUBIC + 3)) * x * x + 1
    if x < 2:
        return ((CUBIC * x - 5 * CUBIC) * x + 8 * CUBIC) * x - 4 * CUBIC
    return 0.0
