"""Transformer layers in both dialects.

Shapes: `batch`, `tokens` (positions of this call), `past` (positions in the cache), `total` = past + tokens,
`source` (positions attended to by cross-attention), `heads`, `head_dim`, `hidden` = heads * head_dim. In a decoder
`batch` = windows * hypotheses: row = window * hypotheses + hypothesis, and each of the `windows` encoded inputs
(windows of sound, pictures) has one cross-attention key and value, which its hypotheses share.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse_tools.export.graphs.graph import MICROSOFT, Dialect, GraphBuilder

Array = NDArray[Any]

LOWEST = float(np.finfo(np.float32).min)
"""Added to a score or logit to exclude it from a softmax."""


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


def gelu_by_tanh(g: GraphBuilder, x: str) -> str:
    """The GELU with its tanh approximation, x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) / 2."""
    if g.dialect is Dialect.ORT:
        return g.node("FastGelu", x, domain=MICROSOFT)
    cubic = g.node("Mul", g.node("Mul", g.node("Mul", x, x), x), g.scalar(0.044715))
    tanh = g.node("Tanh", g.node("Mul", g.node("Add", x, cubic), g.scalar(math.sqrt(2 / math.pi))))
    return g.node("Mul", g.node("Mul", x, g.scalar(0.5)), g.node("Add", tanh, g.scalar(1.0)))


def split_heads(g: GraphBuilder, x: str, heads: int) -> str:
    """[batch, tokens, hidden] to [batch, heads, tokens, head_dim]."""
    return g.node("Transpose", g.node("Reshape", x, g.integers(0, 0, heads, -1)), perm=[0, 2, 1, 3])


def split_keys(g: GraphBuilder, x: str, heads: int) -> str:
    """[batch, tokens, hidden] to [batch, heads, head_dim, tokens]."""
    return g.node("Transpose", g.node("Reshape", x, g.integers(0, 0, heads, -1)), perm=[0, 2, 3, 1])


def merge_heads(g: GraphBuilder, x: str) -> str:
    """[batch, heads, tokens, head_dim] to [batch, tokens, hidden]."""
    return g.node("Reshape", g.node("Transpose", x, perm=[0, 2, 1, 3]), g.integers(0, 0, -1))


def attention(g: GraphBuilder, query: str, key: str, value: str, heads: int, head_dim: int) -> str:
    """Attention of every position to every position; all three and the result [batch, tokens, hidden]."""
    if g.dialect is Dialect.ORT:
        return g.node("MultiHeadAttention", query, key, value, domain=MICROSOFT, num_heads=heads)
    keys, values = split_keys(g, key, heads), split_heads(g, value, heads)
    return _weighted_sum(g, query, keys, values, heads, head_dim, bias=None)


def cross_attention(
    g: GraphBuilder, query: str, key: str, value: str, heads: int, head_dim: int, *, scaled: bool = True
) -> str:
    """Attention of `query` [batch, tokens, hidden] to `key` [windows, heads, head_dim, source] and `value` [windows,
    heads, source, head_dim]: shape of `query`. If not `scaled`, the scores are the plain products.

    Nothing here is causal, so a window's hypotheses form one longer sequence of queries: keys and values are never
    copied for them. For one query, both products are a row times a matrix in its memory layout, which streams well on
    x86 and ARM. `MultiHeadAttention` needs the keys transposed; a step of Whisper tiny.en in 8 bits takes a sixth more
    time with it.
    """
    queries, shape = by_window(g, query, key, heads * head_dim)
    context = _weighted_sum(g, queries, key, value, heads, head_dim, bias=None, scaled=scaled)
    return g.node("Reshape", context, shape)


def by_window(g: GraphBuilder, query: str, key: str, hidden: int) -> tuple[str, str]:
    """`query` [batch, tokens, hidden] as [windows, hypotheses * tokens, hidden], and its original shape.

    The shapes are computed once per graph: they are the same in every layer.
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
    be 0. Returns the context [batch, tokens, hidden] and the grown cache, key and value [batch, heads, total,
    head_dim].
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
    keys = g.node("Transpose", present_key, perm=[0, 1, 3, 2])
    context = _weighted_sum(g, query, keys, present_value, heads, head_dim, bias)
    return context, present_key, present_value


def causal_attention(g: GraphBuilder, query: str, key: str, value: str, heads: int, head_dim: int) -> str:
    """Attention of every position to itself and those before it; all three and the result [batch, tokens, hidden]."""
    if g.dialect is Dialect.ORT:
        return g.node("MultiHeadAttention", query, key, value, domain=MICROSOFT, num_heads=heads, unidirectional=1)
    keys, values = split_keys(g, key, heads), split_heads(g, value, heads)
    return _weighted_sum(g, query, keys, values, heads, head_dim, causal_bias(g, None, query))


def biased_attention(g: GraphBuilder, query: str, keys: str, values: str, bias: str, heads: int, head_dim: int) -> str:
    """softmax(query keys + bias) values, without a scale; `query` and result [batch, tokens, hidden].

    `keys` and `values` [batch, heads, source, head_dim], `bias` broadcastable to [batch, heads, tokens, source].
    """
    transposed = g.node("Transpose", keys, perm=[0, 1, 3, 2])
    return _weighted_sum(g, query, transposed, values, heads, head_dim, bias, scaled=False)


def masked_attention(
    g: GraphBuilder, query: str, key: str, value: str, mask: str, heads: int, head_dim: int, bias: str | None = None
) -> str:
    """Attention of every position to those where `mask` [batch, tokens], int64, is 1; all three and the result [batch,
    tokens, hidden]. `bias` [heads, tokens, tokens], the same in every layer, is added to the scores. The same nodes in
    both dialects: texts are short."""
    if "mask_bias" not in g.memo:
        hidden = g.node("Equal", g.node("Unsqueeze", mask, g.integers(1, 2)), g.integers(0))
        masked = g.node("Where", hidden, g.scalar(LOWEST), g.scalar(0.0))
        g.memo["mask_bias"] = masked if bias is None else g.node("Add", masked, bias)
    keys, values = split_keys(g, key, heads), split_heads(g, value, heads)
    return _weighted_sum(g, query, keys, values, heads, head_dim, g.memo["mask_bias"])


def past_and_total(g: GraphBuilder, past_key: str | None, new: str) -> tuple[str, str]:
    """The lengths past and total, int64 [1], from a cache [batch, heads, past, ...] and new positions [batch, tokens,
    ...].

    Without a cache, past is 0. Computed once per graph: every layer's cache has the same length.
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
    """[tokens, total]: 0 where a new position may attend, the lowest float for later positions."""
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


def first_position(g: GraphBuilder, x: str) -> str:
    """The first position of `x` [batch, tokens, hidden]: [batch, hidden]."""
    return g.node("Gather", x, g.constant(np.array(0, dtype=np.int64)), axis=1)


def attention_scores(g: GraphBuilder, query: str, keys: str, heads: int, head_dim: int) -> str:
    """query keys / sqrt(head_dim) [batch, heads, tokens, source], of `query` [batch, tokens, hidden], `keys`
    transposed.

    The query is scaled before its heads are split: ONNX Runtime would fuse a scale directly before a product into it,
    and the fast product of one row supports none.
    """
    scaled = g.node("Mul", query, g.scalar(1.0 / math.sqrt(head_dim)))
    return g.node("MatMul", split_heads(g, scaled, heads), keys)


def _weighted_sum(
    g: GraphBuilder,
    query: str,
    keys: str,
    values: str,
    heads: int,
    head_dim: int,
    bias: str | None,
    *,
    scaled: bool = True,
) -> str:
    """softmax(query keys / sqrt(head_dim) + bias) values; `query` and result [batch, tokens, hidden]. If not `scaled`,
    without the square root.

    `keys` [batch, heads, head_dim, source], `values` [batch, heads, source, head_dim].
    """
    if scaled:
        scores = attention_scores(g, query, keys, heads, head_dim)
    else:
        scores = g.node("MatMul", split_heads(g, query, heads), keys)
    if bias is not None:
        scores = g.node("Add", scores, bias)
    return merge_heads(g, g.node("MatMul", g.node("Softmax", scores, axis=-1), values))
