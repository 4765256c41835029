"""T5 as BLIP-2's `text_encoder` and `decoder` graphs. Reference: transformers, models/t5/modeling_t5.py.

Shapes as in `layers`; `source` = rows of the picture + tokens of the prompt, `inner` = heads * head_dim, which may
differ from `hidden`. No layer has a bias, and scores are not scaled.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edgefuse_tools.export.blip2.config import T5Config
from edgefuse_tools.export.blip2.text import output_logits
from edgefuse_tools.export.graphs.activations import activation
from edgefuse_tools.export.graphs.graph import Dimension, GraphBuilder
from edgefuse_tools.export.graphs.layers import (
    biased_attention,
    causal_bias,
    cross_attention,
    last_position,
    past_and_total,
    split_heads,
    split_keys,
)
from edgefuse_tools.export.graphs.linear import EmbeddingTable, linear
from edgefuse_tools.export.graphs.section import Section

SHARED = "shared.weight"


def text_encoder_graph(g: GraphBuilder, config: T5Config, queries: int, root: Section) -> None:
    """Fills `text_encoder`: `image_embeds` [batch, queries, hidden] followed by the prompt's `input_ids` [batch,
    tokens], to the decoder's cross-attention keys and values. All prompts of a batch have the same length, so there is
    no padding to mask."""
    ids = g.input("input_ids", "int64", ["batch", "tokens"])
    image = g.input("image_embeds", "float32", ["batch", queries, config.d_model])
    x = g.node("Concat", image, _words(g, root, config)[0].lookup(ids), axis=1)
    stack = root.under("encoder")
    bias = _encoder_bias(g, stack, config, x)
    for index in range(config.num_layers):
        block = stack.under(f"block.{index}")

        def attend(query: str, key: str, value: str) -> str:
            keys, values = split_heads(g, key, config.num_heads), split_heads(g, value, config.num_heads)
            return biased_attention(g, query, keys, values, bias, config.num_heads, config.d_kv)

        x = _self_attention(g, block.under("layer.0"), config, x, attend)
        x = _feed_forward(g, block.under("layer.1"), config, x)
    states = _rms_norm(g, stack, x, "final_layer_norm", config)

    keys, values = [], []
    for index in range(config.num_decoder_layers):
        w = root.under(f"decoder.block.{index}.layer.1.EncDecAttention")
        keys.append(
            split_keys(g, _linear(g, w, states, "k", config.num_heads * config.d_kv, config.d_model), config.num_heads)
        )
        values.append(
            split_heads(g, _linear(g, w, states, "v", config.num_heads * config.d_kv, config.d_model), config.num_heads)
        )
    key_shape, value_shape = _cross_shapes(config, "batch")
    g.layer_outputs("cross_key", keys, "float32", key_shape)
    g.layer_outputs("cross_value", values, "float32", value_shape)


def decoder_graph(g: GraphBuilder, config: T5Config, root: Section) -> None:
    """Fills `decoder`: the next token's logits, with the cache in and out."""
    layers, heads, head_dim = config.num_decoder_layers, config.num_heads, config.d_kv
    ids = g.input("input_ids", "int64", ["batch", "tokens"])
    key_shape, value_shape = _cross_shapes(config, "windows")
    past_shape: list[Dimension] = ["batch", heads, "past", head_dim]
    cross_keys = g.layer_inputs("cross_key", layers, "float32", key_shape)
    cross_values = g.layer_inputs("cross_value", layers, "float32", value_shape)
    past_keys = g.layer_inputs("past_key", layers, "float32", past_shape)
    past_values = g.layer_inputs("past_value", layers, "float32", past_shape)

    words, table = _words(g, root, config)
    stack = root.under("decoder")
    x = words.lookup(ids)
    bias = _decoder_bias(g, stack, config, past_keys[0], ids)
    present_keys, present_values = [], []
    for index in range(layers):
        block = stack.under(f"block.{index}")

        def attend(query: str, key: str, value: str, index: int = index) -> str:
            present_keys.append(g.node("Concat", past_keys[index], split_heads(g, key, heads), axis=2))
            present_values.append(g.node("Concat", past_values[index], split_heads(g, value, heads), axis=2))
            return biased_attention(g, query, present_keys[-1], present_values[-1], bias, heads, head_dim)

        x = _self_attention(g, block.under("layer.0"), config, x, attend)
        cross = block.under("layer.1")
        query = _linear(
            g,
            cross,
            _rms_norm(g, cross, x, "layer_norm", config),
            "EncDecAttention.q",
            heads * head_dim,
            config.d_model,
        )
        context = cross_attention(g, query, cross_keys[index], cross_values[index], heads, head_dim, scaled=False)
        x = g.node("Add", x, _linear(g, cross, context, "EncDecAttention.o", config.d_model, heads * head_dim))
        x = _feed_forward(g, block.under("layer.2"), config, x)
    x = _rms_norm(g, stack, last_position(g, x), "final_layer_norm", config)
    if config.scale_decoder_outputs:
        x = g.node("Mul", x, g.scalar(config.d_model**-0.5))
    g.output("logits", output_logits(g, root, x, words, table), "float32", ["batch", config.vocab_size])
    present_shape: list[Dimension] = ["batch", heads, "total", head_dim]
    g.layer_outputs("present_key", present_keys, "float32", present_shape)
    g.layer_outputs("present_value", present_values, "float32", present_shape)


def position_buckets(distances: NDArray[np.int64], config: T5Config, *, both_ways: bool) -> NDArray[np.int64]:
    """The row of the bias table for each of `distances` (key position - query position).

    Same as `T5Attention._relative_position_bucket`, in single precision.
    """
    buckets = config.relative_attention_num_buckets // (2 if both_ways else 1)
    first = np.where(distances > 0, buckets, 0) if both_ways else 0
    steps = np.abs(distances) if both_ways else np.maximum(-distances, 0)
    exact = buckets // 2
    ratio = np.log(np.maximum(steps, 1).astype(np.float32) / np.float32(exact))
    ratio = ratio / np.float32(math.log(config.relative_attention_max_distance / exact))
    large = exact + (ratio * np.float32(buckets - exact)).astype(np.int64)
    return first + np.where(steps < exact, steps, np.minimum(large, buckets - 1))


def _encoder_bias(g: GraphBuilder, stack: Section, config: T5Config, x: str) -> str:
    """Position biases between all positions of `x` [batch, source, hidden]: [heads, source, source]."""
    furthest = config.relative_attention_max_distance
    rows, columns = _positions(g, None, x)
    distance = g.node("Sub", columns, rows)
    return _bias(g, stack, config, distance, np.arange(-furthest, furthest + 1), both_ways=True)


def _decoder_bias(g: GraphBuilder, stack: Section, config: T5Config, past_key: str, new: str) -> str:
    """Position biases of the new positions, causal: [heads, tokens, total]."""
    rows, columns = _positions(g, past_key, new)
    distance = g.node("Sub", columns, rows)
    distances = np.arange(-config.relative_attention_max_distance, 1)
    bias = _bias(g, stack, config, distance, distances, both_ways=False)
    return g.node("Add", bias, causal_bias(g, past_key, new))


def _positions(g: GraphBuilder, past_key: str | None, new: str) -> tuple[str, str]:
    """The query positions [tokens, 1] and the key positions [1, total]; int64."""
    past, total = past_and_total(g, past_key, new)
    first, end = g.node("Squeeze", past), g.node("Squeeze", total)
    zero, one = (g.constant(np.array(value, dtype=np.int64)) for value in (0, 1))
    rows = g.node("Unsqueeze", g.node("Range", first, end, one), g.integers(1))
    return rows, g.node("Unsqueeze", g.node("Range", zero, end, one), g.integers(0))


def _bias(
    g: GraphBuilder, stack: Section, config: T5Config, distance: str, distances: NDArray[np.int64], *, both_ways: bool
) -> str:
    """Biases [heads, tokens, total] for `distance` [tokens, total], int64, from a table with one row for each of
    `distances`; distances beyond that range have the bias of its end."""
    name = "block.0.layer.0.SelfAttention.relative_attention_bias.weight"
    table = stack.tensor(name, config.relative_attention_num_buckets, config.num_heads)
    buckets = position_buckets(distances, config, both_ways=both_ways)
    first, last = (g.constant(np.array(end, dtype=np.int64)) for end in (distances[0], distances[-1]))
    row = g.node("Sub", g.node("Min", g.node("Max", distance, first), last), first)
    weights = g.weight(stack.name("position_bias"), table[buckets])
    return g.node("Transpose", g.node("Gather", weights, row), perm=[2, 0, 1])


def _self_attention(
    g: GraphBuilder, w: Section, config: T5Config, x: str, attend: Callable[[str, str, str], str]
) -> str:
    """The residual self-attention of a layer; `attend` maps query, key and value [batch, tokens, inner] to the
    context."""
    inner, hidden = config.num_heads * config.d_kv, config.d_model
    normal = _rms_norm(g, w, x, "layer_norm", config)
    query, key, value = (_linear(g, w, normal, f"SelfAttention.{part}", inner, hidden) for part in "qkv")
    return g.node("Add", x, _linear(g, w, attend(query, key, value), "SelfAttention.o", hidden, inner))


def _feed_forward(g: GraphBuilder, w: Section, config: T5Config, x: str) -> str:
    """The residual two-layer network of a layer."""
    hidden, inner = config.d_model, config.d_ff
    normal = _rms_norm(g, w, x, "layer_norm", config)
    part = w.under("DenseReluDense")
    if config.is_gated_act:
        gate = activation(g, _linear(g, part, normal, "wi_0", inner, hidden), config.dense_act_fn)
        wide = g.node("Mul", gate, _linear(g, part, normal, "wi_1", inner, hidden))
    else:
        wide = activation(g, _linear(g, part, normal, "wi", inner, hidden), config.dense_act_fn)
    return g.node("Add", x, _linear(g, part, wide, "wo", hidden, inner))


def _rms_norm(g: GraphBuilder, w: Section, x: str, name: str, config: T5Config) -> str:
    """`x` [..., hidden] divided by its root mean square, times a weight; ONNX Runtime fuses these nodes."""
    square = g.node("ReduceMean", g.node("Pow", x, g.scalar(2.0)), axes=[-1])
    root = g.node("Sqrt", g.node("Add", square, g.scalar(config.layer_norm_epsilon)))
    weight = g.weight(w.name(f"{name}.weight"), w.tensor(f"{name}.weight", config.d_model))
    return g.node("Mul", g.node("Div", x, root), weight)


def _linear(g: GraphBuilder, w: Section, x: str, name: str, out_size: int, in_size: int) -> str:
    return linear(g, x, w.name(name), w.tensor(f"{name}.weight", out_size, in_size))


def _words(g: GraphBuilder, root: Section, config: T5Config) -> tuple[EmbeddingTable, np.ndarray]:
    """The embedding table that encoder and decoder share, and its weights."""
    table = root.tensor(SHARED, config.vocab_size, config.d_model)
    return EmbeddingTable(g, root.name(SHARED), table), table


def _cross_shapes(config: T5Config, batch: Dimension) -> tuple[list[Dimension], list[Dimension]]:
    heads, head_dim = config.num_heads, config.d_kv
    return [batch, heads, head_dim, "source"], [batch, heads, "source", head_dim]
