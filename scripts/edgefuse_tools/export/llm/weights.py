"""Access to a model's tensors by Hugging Face's names, whatever file they are in."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgefuse_tools.export.checkpoints.checkpoint import Checkpoint
from edgefuse_tools.export.graphs.blocks import Matrix

Array = NDArray[Any]


class Weights(Protocol):
    """Tensors under names such as `model.layers.0.mlp.up_proj.weight`."""

    def __contains__(self, name: str) -> bool: ...

    def matrix(self, name: str, rows: int, columns: int) -> Matrix:
        """The matrix [rows, columns] with this name, its rows in the order of half-split rotary embeddings."""
        ...

    def vector(self, name: str, size: int) -> Array:
        """The vector with this name."""
        ...


class HuggingFaceWeights:
    """Weights of a Hugging Face folder."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint

    def __contains__(self, name: str) -> bool:
        return name in self._checkpoint

    def matrix(self, name: str, rows: int, columns: int) -> Matrix:
        array = self._checkpoint.weight(name, (rows, columns))
        return Matrix((rows, columns), partial(_itself, array))

    def vector(self, name: str, size: int) -> Array:
        return self._checkpoint.weight(name, (size,))


def half_split_rows(heads: int, head_dim: int) -> Array:
    """Order of the rows of a query or key matrix whose pairs are adjacent, as in GGUF files of the Llama family, so that
    the first half of each head holds the first of each pair."""
    one = np.concatenate([np.arange(0, head_dim, 2), np.arange(1, head_dim, 2)])
    return (np.arange(heads)[:, None] * head_dim + one).reshape(-1)


def names_of_layer(names: Sequence[str], layer: int) -> list[str]:
    """Full names of tensors of a layer."""
    return [f"model.layers.{layer}.{name}" for name in names]


def _itself(array: Array) -> Array:
    return array
