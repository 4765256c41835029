"""The layers that transformer graphs are made of, in both dialects.

Shapes: `batch`, `tokens` (positions of this call), `past` (positions in the cache), `total` = past + tokens,
`source` (positions attended to by cross-attention), `heads`, `head_dim`, `hidden` = heads * head_dim. In a decoder
`batch` = windows * hypotheses: row = window * hypotheses + hypothesis, and the `windows` things that were encoded (windows
of sound, pictures) each have one cross-attention key and value, which their hypotheses share.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from export.graph import MICROSOFT, Dialect, GraphBuilder

Array = NDArray[Any]

LOWEST = float(np.finfo(np.float32).min)
"""Added to a score or logit, takes it out of a softmax."""


def linear(g: GraphBuilder, x: str, name: str, weight: Array, bias: Array | None = None) -> str:
    """`x` [..., in] times `weight` [out, in] (the layout of checkpoints) transposed, plus `bias` [out]: [..., out]."""
    product = g.node("MatMul", x, g.weight(f"{name}.weight", weight.T))
    return product if bias is None else g.node("Add", product, g.weight(f"{name}.bias", bias))


def layer_norm(g: GraphBuilder, x: str, name: str, gamma: Array, beta: Array, epsilon: float) -> str:
    """Normalises the last axis of `x`, then scales by `gamma` and shifts by `beta`, both [hidden]."""
    scale, shift = g.weight(f"{name}.gamma", gamma), g.weight(f"{name}.beta", beta)
    return g.node("LayerNormalization", x, scale, shift, axis=-1, epsilon=epsilon)


def gelu(g: GraphBuilder, x: str) -> str:
    """The exact GELU, x * (1 + erf(x / sqrt(2))) / 2, not its tanh approximation."""
    if g.dialect is Dialect.ORT:
        return g.node("Gelu", x, domain=MICROSOFT)
    erf = g.node("Erf", g.node("Mul", x, g.scalar(math.sqrt(0.5))))
    return g.node("Mul", g.node("Mul", x, g.scalar(0.5)), g.node("Add", erf, g.scalar(1.0)))


def split_heads(g: GraphBuilder, x: str, heads: int) -> str:
    """[batch, tokens, hidden] to [batch, heads, tokens, head_dim]."""
    return g.node("Transpose", g.node("Reshape", x, g.integers(0, 0, heads, -1)), perm=[0, 2, 1, 3])


def merge_heads(g: GraphBuilder, x: str) -> str:
    """[batch, heads, tokens, head_dim] to [batch, tokens, hidden]."""
    return g.node("Reshape", g.node("Transpose", x, perm=[0, 2, 1, 3]), g.integers(0, 0, -1))


def attention(g: GraphBuilder, query: str, key: str, value: str, heads: int, head_dim: int) -> str:
    """Attention of every position to every position; all three and the result [batch, tokens, hidden]."""
    if g.dialect is Dialect.ORT:
        return g.node("MultiHeadAttention", query, key, value, domain=MICROSOFT, num_heads=heads)
    keys, values = split_heads(g, key, heads), split_heads(g, value, heads)
    return _weighted_sum(g, query, keys, values, heads, head_dim, bias=None)


def cross_attention(g: GraphBuilder, query: str, key: str, value: str, heads: int, head_dim: int) -> str:
    """Attention of `query` [batch, tokens, hidden] to `key`, `value` [windows, heads, source, head_dim]: as `query`.

    Nothing here is causal, so a window's hypotheses are one longer sequence of queries: keys and values are never copied
    for them.
    """
    queries, shape = by_window(g, query, key, heads * head_dim)
    if g.dialect is Dialect.ORT:
        context = g.node("MultiHeadAttention", queries, key, value, domain=MICROSOFT, num_heads=heads)
    else:
        context = _weighted_sum(g, queries, key, value, heads, head_dim, bias=None)
    return g.node("Reshape", context, shape)


def by_window(g: GraphBuilder, query: str, key: str, hidden: int) -> tuple[str, str]:
    """`query` [batch, tokens, hidden] as [windows, hypotheses * tokens, hidden], and the shape it had, to go back to.

    The shapes are computed once a graph: those of every layer are the same.
    """
    if "by_window" not in g.memo:
        windows = g.node("Shape", key, start=0, end=1)
        g.memo["by_window"] = g.node("Concat", windows, g.integers(-1, hidden), axis=0)
        g.memo["by_hypothesis"] = g.node("Shape", query)
    return g.node("Reshape", query, g.memo["by_window"]), g.memo["by_hypothesis"]


def cached_attention(
    g: GraphBuilder, query: str, key: str, value: str, past_key: str, past_value: str, heads: int, head_dim: int
) -> tuple[str, str, str]:
    """Causal self-attention of the new positions to the cache and themselves.

    `query`, `key`, `value` [batch, tokens, hidden]; `past_key`, `past_value` [batch, heads, past, head_dim], past may
    be 0. Gives the context [batch, tokens, hidden] and the grown cache, key and value [batch, heads, total, head_dim].
    """
    if g.dialect is Dialect.ORT:
        context, present_key, present_value = g.nodes(
            "MultiHeadAttention", query, key, value, "", "", "", past_key, past_value,
            outputs=3, domain=MICROSOFT, num_heads=heads, unidirectional=1,
        )  # fmt: skip
        return context, present_key, present_value
    present_key = g.node("Concat", past_key, split_heads(g, key, heads), axis=2)
    present_value = g.node("Concat", past_value, split_heads(g, value, heads), axis=2)
    bias = causal_bias(g, past_key, query)
    context = _weighted_sum(g, query, present_key, present_value, heads, head_dim, bias)
    return context, present_key, present_value


def causal_attention(g: GraphBuilder, query: str, key: str, value: str, heads: int, head_dim: int) -> str:
    """Attention of every position to itself and those before it; all three and the result [batch, tokens, hidden]."""
    if g.dialect is Dialect.ORT:
        return g.node("MultiHeadAttention", query, key, value, domain=MICROSOFT, num_heads=heads, unidirectional=1)
    keys, values = split_heads(g, key, heads), split_heads(g, value, heads)
    return _weighted_sum(g, query, keys, values, heads, head_dim, causal_bias(g, None, query))


def past_and_total(g: GraphBuilder, past_key: str | None, new: str) -> tuple[str, str]:
    """The lengths past and total, int64 [1], from a cache [batch, heads, past, ...] and new positions [batch, tokens, ...].

    Without a cache past is 0. Computed once a graph: every layer's cache has the same length.
    """
    if "past" not in g.memo:
        past = g.integers(0) if past_key is None else g.node("Shape", past_key, start=2, end=3)
        g.memo["past"] = past
        g.memo["total"] = g.node("Add", past, g.node("Shape", new, start=1, end=2))
    return g.memo["past"], g.memo["total"]


def new_rows(g: GraphBuilder, table: str, past_key: str | None, new: str) -> str:
    """Rows past..total of `table` [positions, hidden], for the new positions: [tokens, hidden]."""
    past, total = past_and_total(g, past_key, new)
    return g.node("Slice", table, past, total, g.integers(0))


def causal_bias(g: GraphBuilder, past_key: str | None, new: str) -> str:
    """[tokens, total]: 0 where a new position may look, the lowest float where it would see a later position."""
    if "causal_bias" not in g.memo:
        past, total = past_and_total(g, past_key, new)
        zero, one = (g.constant(np.array(value, dtype=np.int64)) for value in (0, 1))
        first, end = g.node("Squeeze", past), g.node("Squeeze", total)
        rows = g.node("Unsqueeze", g.node("Range", first, end, one), g.integers(1))
        columns = g.node("Unsqueeze", g.node("Range", zero, end, one), g.integers(0))
        hidden = g.node("Greater", columns, rows)
        g.memo["causal_bias"] = g.node("Where", hidden, g.scalar(LOWEST), g.scalar(0.0))
    return g.memo["causal_bias"]


def last_position(g: GraphBuilder, x: str) -> str:
    """The last position of `x` [batch, tokens, hidden]: [batch, hidden]."""
    return g.node("Gather", x, g.constant(np.array(-1, dtype=np.int64)), axis=1)


def embedding_table(g: GraphBuilder, name: str, table: Array) -> str:
    """The weight `name` for `lookup` and `tied_logits`: `table` [vocab, hidden], stored transposed.

    Stored so, a row of `x` times the table streams through memory, on x86 and ARM alike: the step of Whisper tiny.en
    takes 7.4 ms where the other way round takes 10.5, and the lookup of a few tokens does not show.
    """
    return g.weight(name, table.T)


def lookup(g: GraphBuilder, embedding: str, ids: str) -> str:
    """The embeddings of `ids` [batch, tokens]: [batch, tokens, hidden]."""
    return g.node("Transpose", g.node("Gather", embedding, ids, axis=1), perm=[1, 2, 0])


def tied_logits(g: GraphBuilder, x: str, embedding: str) -> str:
    """`x` [batch, hidden] against every row of the table that `embedding` is: [batch, vocab].

    ONNX Runtime repacks a constant right operand of a product at session start, and would then hold the table twice, once
    for this and once for the lookup: for tiny.en 79 MB and 0.15 s more. As the left operand it stays as it is. Each
    sequence is a product of its own, because that with one column is the fast one; a step of up to three is the better
    for it, one of five or more the worse (13 ms to 9.5, and 5.4 with the table held twice).
    """
    if g.dialect is Dialect.STANDARD:
        return g.node("Gemm", x, embedding)
    columns = g.node("Unsqueeze", x, g.integers(2))
    return g.node("Squeeze", g.node("FusedMatMul", embedding, columns, domain=MICROSOFT, transA=1), g.integers(2))


def every_logit(g: GraphBuilder, x: str, embedding: str) -> str:
    """`x` [batch, tokens, hidden] against every row of the table that `embedding` is: [batch, tokens, vocab]."""
    return g.node("MatMul", x, embedding)


def attention_scores(g: GraphBuilder, query: str, keys: str, heads: int, head_dim: int) -> str:
    """query keys^T / sqrt(head_dim) [batch, heads, tokens, source], of `query` [batch, tokens, hidden]."""
    scaled = g.node("Mul", split_heads(g, query, heads), g.scalar(1.0 / math.sqrt(head_dim)))
    return g.node("MatMul", scaled, g.node("Transpose", keys, perm=[0, 1, 3, 2]))


def _weighted_sum(
    g: GraphBuilder, query: str, keys: str, values: str, heads: int, head_dim: int, bias: str | None
) -> str:
    """softmax(query keys^T / sqrt(head_dim) + bias) values; keys and values [batch, heads, source, head_dim]."""
    scores = attention_scores(g, query, keys, heads, head_dim)
    if bias is not None:
        scores = g.node("Add", scores, bias)
    return merge_heads(g, g.node("MatMul", g.node("Softmax", scores, axis=-1), values))
