"""Attention with grouped heads and rotary positions, in both dialects.

Shapes as in `graphs.layers`; `kv_heads` key-value heads serve `heads` / `kv_heads` query heads each. The residual stream
is [batch * tokens, hidden].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgefuse_tools.export.graphs.graph import MICROSOFT, Dialect, GraphBuilder
from edgefuse_tools.export.graphs.layers import LOWEST, past_and_total
from edgefuse_tools.export.llm.config import LlmConfig

INT32 = 6
"""TensorProto.INT32"""


@dataclass(frozen=True)
class Cache:
    """The inputs of one layer's cache, [batch, kv_heads, past, head_dim] both."""

    key: str
    value: str


@dataclass(frozen=True)
class Attended:
    context: str
    """[batch, tokens, heads * head_dim]"""
    key: str
    """The grown cache, [batch, kv_heads, total, head_dim]."""
    value: str


def attend(
    g: GraphBuilder, config: LlmConfig, layer: int, packed: str, query: str, key: str, value: str, cache: Cache
) -> Attended:
    """Attention of the new positions to the cache and themselves. `packed` [batch, tokens, query, key and value] if it
    is not empty; else `query` [batch, tokens, heads * head_dim], `key` and `value`."""
    cosines, sines = _tables(g, config, layer)
    if g.dialect is Dialect.ORT:
        window = config.windows[layer]
        return Attended(
            *g.nodes(
                "GroupQueryAttention",
                *([packed, "", ""] if packed else [query, key, value]),
                cache.key, cache.value, *_lengths(g), cosines, sines,
                outputs=3, domain=MICROSOFT, num_heads=config.heads, kv_num_heads=config.kv_heads, do_rotary=1,
                scale=config.scale, local_window_size=-1 if window is None else window,
            )
        )  # fmt: skip
    if packed:
        ends = np.cumsum([config.query_size, config.kv_size, config.kv_size]).tolist()
        starts = [0, *ends[:-1]]
        query, key, value = (
            g.node("Slice", packed, g.integers(start), g.integers(end), g.integers(2))
            for start, end in zip(starts, ends)
        )
    return _plain(g, config, layer, (query, key, value), (cosines, sines), cache)


def _tables(g: GraphBuilder, config: LlmConfig, layer: int) -> tuple[str, str]:
    """Cosines and sines of the layer's rotary embedding, [context, head_dim / 2], once for all layers with the same."""
    rotary = config.rotaries[layer]
    number = list(dict.fromkeys(config.rotaries)).index(rotary)
    key = f"rotary {number}"
    if key not in g.memo:
        cosines, sines = rotary.tables(config.context)
        g.memo[key] = g.weight(f"rotary_{number}.cos", cosines)
        g.weight(f"rotary_{number}.sin", sines)
    return g.memo[key], f"rotary_{number}.sin"


def _lengths(g: GraphBuilder) -> tuple[str, str]:
    """`seqlens_k` and `total_sequence_length` of GroupQueryAttention, from the input `total_length`."""
    if "seqlens" not in g.memo:
        total = g.node("Cast", "total_length", to=INT32)
        g.memo["seqlens"] = g.node("Sub", total, g.constant(np.array([1], dtype=np.int32)))
        g.memo["total_sequence"] = g.node("ReduceMax", total, keepdims=0)
    return g.memo["seqlens"], g.memo["total_sequence"]


def _plain(
    g: GraphBuilder,
    config: LlmConfig,
    layer: int,
    projected: tuple[str, str, str],
    tables: tuple[str, str],
    cache: Cache,
) -> Attended:
    query, key, value = projected
    past_and_total(g, cache.key, query)
    queries = _rotated(g, _by_head(g, query, config.heads), tables)
    keys = g.node("Concat", cache.key, _rotated(g, _by_head(g, key, config.kv_heads), tables), axis=2)
    values = g.node("Concat", cache.value, _by_head(g, value, config.kv_heads), axis=2)
    # The query heads of a key-value head form one longer sequence of queries, so that no key is copied for them.
    group = config.heads // config.kv_heads
    scaled = g.node("Mul", queries, g.scalar(config.scale))
    grouped = g.node("Reshape", scaled, g.integers(0, config.kv_heads, -1, config.head_dim))
    scores = g.node("MatMul", grouped, g.node("Transpose", keys, perm=[0, 1, 3, 2]))
    bias = _bias(g, config.windows[layer])
    tokens = g.node("Shape", query, start=1, end=2)
    total = g.memo["total"]
    split = g.node("Concat", g.integers(0, config.kv_heads, group), tokens, total, axis=0)
    weights = g.node("Softmax", g.node("Add", g.node("Reshape", scores, split), bias), axis=-1)
    merged = g.node("Concat", g.integers(0, config.kv_heads, -1), total, axis=0)
    context = g.node("MatMul", g.node("Reshape", weights, merged), values)
    heads = g.node("Concat", g.integers(0, config.heads), tokens, g.integers(config.head_dim), axis=0)
    by_position = g.node("Transpose", g.node("Reshape", context, heads), perm=[0, 2, 1, 3])
    return Attended(g.node("Reshape", by_position, g.integers(0, 0, -1)), keys, values)


def _by_head(g: GraphBuilder, x: str, heads: int) -> str:
    """[batch, tokens, heads * head_dim] to [batch, heads, tokens, head_dim]."""
    return g.node("Transpose", g.node("Reshape", x, g.integers(0, 0, heads, -1)), perm=[0, 2, 1, 3])


def _rotated(g: GraphBuilder, x: str, tables: tuple[str, str]) -> str:
    """`x` [batch, heads, tokens, head_dim], each position turned by its angles: the first half of a head with the
    second."""
    cosines, sines = (_rows(g, table) for table in tables)
    first, second = g.nodes("Split", x, outputs=2, axis=-1)
    turned = g.node("Sub", g.node("Mul", first, cosines), g.node("Mul", second, sines))
    other = g.node("Add", g.node("Mul", second, cosines), g.node("Mul", first, sines))
    return g.node("Concat", turned, other, axis=-1)


def _rows(g: GraphBuilder, table: str) -> str:
    """The rows of a table for the new positions, once per graph."""
    key = f"new rows of {table}"
    if key not in g.memo:
        g.memo[key] = g.node("Slice", table, g.memo["past"], g.memo["total"], g.integers(0))
    return g.memo[key]


def _bias(g: GraphBuilder, window: int | None) -> str:
    """[tokens, total]: 0 where a new position attends, the lowest float elsewhere."""
    key = f"bias of window {window}"
    if key not in g.memo:
        zero, one = (g.constant(np.array(value, dtype=np.int64)) for value in (0, 1))
        first, end = g.node("Squeeze", g.memo["past"]), g.node("Squeeze", g.memo["total"])
        rows = g.node("Unsqueeze", g.node("Range", first, end, one), g.integers(1))
        columns = g.node("Unsqueeze", g.node("Range", zero, end, one), g.integers(0))
        hidden = g.node("Greater", columns, rows)
        if window is not None:
            far = g.node("LessOrEqual", columns, g.node("Sub", rows, g.integers(window)))
            hidden = g.node("Or", hidden, far)
        g.memo[key] = g.node("Where", hidden, g.scalar(LOWEST), g.scalar(0.0))
    return g.memo[key]
