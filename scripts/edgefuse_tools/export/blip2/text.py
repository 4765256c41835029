"""Layers that BLIP-2's language models share."""

from __future__ import annotations

import numpy as np

from edgefuse_tools.export.graphs.graph import GraphBuilder
from edgefuse_tools.export.graphs.linear import EmbeddingTable, linear
from edgefuse_tools.export.graphs.section import Section


def linear_maybe_biased(g: GraphBuilder, w: Section, x: str, name: str, out_size: int, in_size: int) -> str:
    """The linear layer `name` of `w` over `x` [..., in_size]: [..., out_size]; with a bias if the checkpoint has
    one."""
    bias = w.tensor(f"{name}.bias", out_size) if f"{name}.bias" in w else None
    return linear(g, x, w.name(name), w.tensor(f"{name}.weight", out_size, in_size), bias)


def output_logits(g: GraphBuilder, w: Section, x: str, words: EmbeddingTable, table: np.ndarray) -> str:
    """Logits [batch, vocab] of `x` [batch, hidden]; `words` contains `table`, which `lm_head` of `w` is tied to.

    As in transformers, a stored `lm_head` that differs from the table is used as it is.
    """
    if "lm_head.weight" in w:
        matrix = w.tensor("lm_head.weight", *table.shape)
        if not np.array_equal(matrix, table):
            return linear(g, x, w.name("lm_head"), matrix)
    return words.logits(x)
