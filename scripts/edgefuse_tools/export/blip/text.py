"""BLIP's text encoder and decoder: post-norm BERT layers with cross-attention in every layer.

Reference: transformers, models/blip/modeling_blip_text.py. Shapes as in `layers`; `vocab` is the number of tokens,
`source` the number of positions that cross-attention attends to.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from edgefuse_tools.export.blip.config import TextConfig
from edgefuse_tools.export.checkpoints.checkpoint import to_float32
from edgefuse_tools.export.graphs.activations import activation
from edgefuse_tools.export.graphs.graph import Dimension, GraphBuilder
from edgefuse_tools.export.graphs.layers import cross_attention, last_position, split_heads, split_keys
from edgefuse_tools.export.graphs.linear import EmbeddingTable, linear
from edgefuse_tools.export.graphs.section import Section, layer_norm_of, linear_of

SelfAttention = Callable[[str, str, str], str]
"""query, key, value [batch, tokens, hidden] -> context [batch, tokens, hidden]"""

CrossAttention = Callable[[str], str]
"""query [batch, tokens, hidden] -> context [batch, tokens, hidden]"""


def word_table(g: GraphBuilder, w: Section, config: TextConfig) -> EmbeddingTable:
    """The embedding table `word_embeddings` [vocab, hidden]."""
    name = "embeddings.word_embeddings.weight"
    return EmbeddingTable(g, w.name(name), w.tensor(name, config.vocab_size, config.hidden_size))


def position_table(g: GraphBuilder, w: Section, config: TextConfig) -> str:
    """The weight `position_embeddings` [positions, hidden], with the embedding of the first token type, which BERT adds
    to every token and BLIP does not have."""
    name, types = "embeddings.position_embeddings.weight", "embeddings.token_type_embeddings.weight"
    table = w.tensor(name, config.max_position_embeddings, config.hidden_size)
    if types in w:
        table = to_float32(table) + to_float32(w.checkpoint.raw(w.name(types)))[0]
    return g.weight(w.name(name), table)


def embed(g: GraphBuilder, w: Section, config: TextConfig, words: EmbeddingTable, ids: str, positions: str) -> str:
    """`ids` [batch, tokens] in the table `words`, plus `positions` [tokens, hidden], normalised: [batch, tokens,
    hidden]."""
    total = g.node("Add", words.lookup(ids), positions)
    return layer_norm_of(g, w, total, "embeddings.LayerNorm", config.hidden_size, config.layer_norm_eps)


def text_layer(
    g: GraphBuilder, w: Section, config: TextConfig, x: str, attend: SelfAttention, attend_source: CrossAttention | None
) -> str:
    """One layer over `x` [batch, tokens, hidden]: self-attention, cross-attention if there is a source, feed-forward,
    each followed by addition and normalisation."""
    hidden = config.hidden_size

    def projected(part: str, y: str) -> str:
        return linear_of(g, w, y, part, hidden, hidden)

    def added(part: str, inner: str, residual: str) -> str:
        return layer_norm_of(g, w, g.node("Add", inner, residual), f"{part}.LayerNorm", hidden, config.layer_norm_eps)

    query, key, value = (projected(f"attention.self.{part}", x) for part in ("query", "key", "value"))
    x = added("attention.output", projected("attention.output.dense", attend(query, key, value)), x)
    if attend_source is not None:
        context = attend_source(projected("crossattention.self.query", x))
        x = added("crossattention.output", projected("crossattention.output.dense", context), x)
    inner = activation(g, linear_of(g, w, x, "intermediate.dense", config.intermediate_size, hidden), config.hidden_act)
    return added("output", linear_of(g, w, inner, "output.dense", hidden, config.intermediate_size), x)


def encoder_layers(
    g: GraphBuilder, w: Section, config: TextConfig, ids: str, attend: SelfAttention, image: tuple[str, int] | None
) -> str:
    """The text encoder `w` over `ids` [batch, tokens]: the last hidden state [batch, tokens, hidden].

    `image`: image_embeds [images, patches, size] and that size, if the text attends to a picture; batch = images *
    texts, the texts of a picture next to each other.
    """
    table, length = position_table(g, w, config), g.node("Shape", ids, start=1, end=2)
    positions = g.node("Slice", table, g.integers(0), length, g.integers(0))
    x = embed(g, w, config, word_table(g, w, config), ids, positions)
    attend_image = None
    for layer in range(config.num_hidden_layers):
        part = w.under(f"encoder.layer.{layer}")
        if image is not None:
            key, value = cross_key_value(g, part, config, *image)
            attend_image = partial(
                cross_attention, g, key=key, value=value, heads=config.num_attention_heads, head_dim=config.head_dim
            )
        x = text_layer(g, part, config, x, attend, attend_image)
    return x


def cross_key_value(g: GraphBuilder, w: Section, config: TextConfig, source: str, source_size: int) -> tuple[str, str]:
    """Keys and values of one layer's cross-attention over `source` [windows, source, source_size].

    In the layout of `layers.cross_attention`: [windows, heads, head_dim, source] and [windows, heads, source,
    head_dim].
    """
    key, value = (
        linear_of(g, w, source, f"crossattention.self.{part}", config.hidden_size, source_size)
        for part in ("key", "value")
    )
    return split_keys(g, key, config.num_attention_heads), split_heads(g, value, config.num_attention_heads)


def output_cross_keys_values(
    g: GraphBuilder, decoder: Section, config: TextConfig, source: str, source_size: int, axis: Dimension
) -> None:
    """Declares the decoder's `cross_key` and `cross_value` (`cross_shapes`) of every layer as outputs of the graph.

    `axis` is the length of `source` or its dynamic axis.
    """
    keys, values = [], []
    for layer in range(config.num_hidden_layers):
        key, value = cross_key_value(g, decoder.under(f"encoder.layer.{layer}"), config, source, source_size)
        keys.append(key)
        values.append(value)
    key_shape, value_shape = cross_shapes(config, "batch", axis)
    g.layer_outputs("cross_key", keys, "float32", key_shape)
    g.layer_outputs("cross_value", values, "float32", value_shape)


def cross_shapes(config: TextConfig, batch: Dimension, source: Dimension) -> tuple[list[Dimension], list[Dimension]]:
    """The shapes of `cross_key` [batch, heads, head_dim, source] and `cross_value` [batch, heads, source, head_dim]."""
    heads, head_dim = config.num_attention_heads, config.head_dim
    return [batch, heads, head_dim, source], [batch, heads, source, head_dim]


def language_logits(
    g: GraphBuilder, head: Section, config: TextConfig, x: str, words: EmbeddingTable, table: np.ndarray
) -> str:
    """Logits [batch, vocab] of the last position of `x` [batch, tokens, hidden]; `words` contains `table`.

    A checkpoint may store the output matrix and bias in addition to the tensors that they are tied to, or omit one of
    each. As in transformers, a stored matrix that differs from the table is used as it is.
    """
    hidden, vocab = config.hidden_size, config.vocab_size
    x = linear_of(g, head, last_position(g, x), "transform.dense", hidden, hidden)
    x = layer_norm_of(
        g, head, activation(g, x, config.hidden_act), "transform.LayerNorm", hidden, config.layer_norm_eps
    )
    bias = g.weight(head.name("bias"), head.tensor("decoder.bias" if "decoder.bias" in head else "bias", vocab))
    if "decoder.weight" in head:
        matrix = head.tensor("decoder.weight", vocab, hidden)
        if not np.array_equal(matrix, table):
            return g.node("Add", linear(g, x, head.name("decoder"), matrix), bias)
    return g.node("Add", words.logits(x), bias)
