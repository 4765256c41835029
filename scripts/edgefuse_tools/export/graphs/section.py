"""Part of a checkpoint: the tensors under one prefix, and layers built from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgefuse_tools.export.checkpoints.checkpoint import Checkpoint
from edgefuse_tools.export.graphs.graph import GraphBuilder
from edgefuse_tools.export.graphs.layers import layer_norm
from edgefuse_tools.export.graphs.linear import linear, linear_after_gelu


@dataclass(frozen=True)
class Section:
    """The tensors of `checkpoint` whose names begin with `prefix` (which ends in a dot, or is empty)."""

    checkpoint: Checkpoint
    prefix: str = ""

    def under(self, name: str) -> Section:
        """The part `name` of this part."""
        return Section(self.checkpoint, f"{self.prefix}{name}.")

    def name(self, name: str) -> str:
        """The full name in the checkpoint."""
        return self.prefix + name

    def __contains__(self, name: str) -> bool:
        return self.name(name) in self.checkpoint

    def tensor(self, name: str, *shape: int) -> np.ndarray:
        """The tensor as stored, of the given shape."""
        return self.checkpoint.weight(self.name(name), shape)


def linear_of(g: GraphBuilder, w: Section, x: str, name: str, out_size: int, in_size: int) -> str:
    """The linear layer `name` of `w` over `x` [..., in_size]: [..., out_size]."""
    weight, bias = w.tensor(f"{name}.weight", out_size, in_size), w.tensor(f"{name}.bias", out_size)
    return linear(g, x, w.name(name), weight, bias)


def linear_after_gelu_of(g: GraphBuilder, w: Section, x: str, name: str, out_size: int, in_size: int) -> str:
    """As `linear_of`, over the output of a GELU or another activation that goes no further below zero."""
    weight, bias = w.tensor(f"{name}.weight", out_size, in_size), w.tensor(f"{name}.bias", out_size)
    return linear_after_gelu(g, x, w.name(name), weight, bias)


def layer_norm_of(g: GraphBuilder, w: Section, x: str, name: str, size: int, epsilon: float) -> str:
    """The layer norm `name` of `w` over `x` [..., size]."""
    return layer_norm(g, x, w.name(name), w.tensor(f"{name}.weight", size), w.tensor(f"{name}.bias", size), epsilon)
