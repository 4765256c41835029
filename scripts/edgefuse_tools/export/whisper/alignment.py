"""Whisper's third graph: inputs of word timestamps, for a known transcript.

It computes what openai-whisper's `timing.py` (`find_alignment`) reads from its model. Shapes as in `graphs`.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np

from edgefuse_tools.export.graphs.graph import Dialect, GraphBuilder
from edgefuse_tools.export.graphs.layers import LOWEST, attention_scores, causal_attention, cross_attention, new_rows
from edgefuse_tools.export.graphs.precision import Precision
from edgefuse_tools.export.whisper.blocks import WhisperBlocks
from edgefuse_tools.export.whisper.graphs import cross_shapes
from edgefuse_tools.export.whisper.weights import WhisperWeights


def build_alignment(
    weights: WhisperWeights,
    dialect: Dialect,
    precision: Precision,
    alignment_heads: Sequence[Sequence[int]],
    end_of_text: int,
) -> GraphBuilder:
    """input_ids [windows, tokens], at least two of them, and the encoder's keys and values to

    - attention [windows, alignment_heads, tokens, source]: query key^T / sqrt(head_dim), before any softmax, of each
      [layer, head] in `alignment_heads`, which is sorted;
    - log_probability [windows, tokens - 1]: of each token after the first, given those before it, among the text tokens
      (those below `end_of_text`). Its value for a token that is not text is meaningless.

    Its weights have the same names as the decoder's.
    """
    g = GraphBuilder("whisper_alignment", dialect, precision)
    block = WhisperBlocks(g, weights)
    heads, hidden = weights.decoder_heads, weights.hidden
    head_dim = hidden // heads
    input_ids = g.input("input_ids", "int64", ["windows", "tokens"])
    key_shape, value_shape = cross_shapes(weights)
    cross_keys = g.layer_inputs("cross_key", weights.decoder_layers, "float32", key_shape)
    cross_values = g.layer_inputs("cross_value", weights.decoder_layers, "float32", value_shape)
    selected = {layer: [head for _, head in group] for layer, group in groupby(alignment_heads, itemgetter(0))}
    scores = []

    def attend(layer: int, query: str, key: str, value: str) -> str:
        return causal_attention(g, query, key, value, heads, head_dim)

    def attend_source(layer: int, query: str) -> str:
        if layer in selected:
            all_heads = attention_scores(g, query, cross_keys[layer], heads, head_dim)
            scores.append(g.node("Gather", all_heads, g.integers(*selected[layer]), axis=1))
        return cross_attention(g, query, cross_keys[layer], cross_values[layer], heads, head_dim)

    embedding = block.embedding()
    words = embedding.lookup(input_ids)
    x = g.node("Add", words, new_rows(g, block.decoder_positions(), None, input_ids))
    x = block.decoder_layers(x, attend, attend_source)
    shape: list[Any] = ["windows", len(alignment_heads), "tokens", "source"]
    g.output("attention", g.node("Concat", *scores, axis=1), "float32", shape)

    first, last, end, axis = g.integers(0), g.integers(-1), g.integers(np.iinfo(np.int64).max), g.integers(1)
    x = block.norm(g.node("Slice", x, first, last, axis), "decoder.layer_norm")
    text = np.where(np.arange(weights.vocab) < end_of_text, 0.0, LOWEST).astype(np.float32)
    logits = g.node("Add", embedding.every_logit(x), g.weight("alignment.text", text))
    # From the same rounded logits as the sum: a separately computed one could exceed it.
    targets = g.node("Unsqueeze", g.node("Slice", input_ids, axis, end, axis), g.integers(2))
    logit = g.node("Squeeze", g.node("GatherElements", logits, targets, axis=2), g.integers(2))
    total = g.node("ReduceLogSumExp", logits, axes=[2], keepdims=0)
    g.output("log_probability", g.node("Sub", logit, total), "float32", ["windows", "tokens_after_first"])
    return g
