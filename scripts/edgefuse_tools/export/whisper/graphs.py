"""Whisper's two graphs: the encoder, which also computes the decoder's cross-attention keys and values, and the
decoder.

Shapes: `frames` of log-mel (3,000 for 30 s, limited by the positions; fewer for a shorter window), `source` = frames /
2 rounded up, `hidden` = heads * head_dim.
"""

from __future__ import annotations

from typing import Any

from edgefuse_tools.export.graphs.graph import Dialect, Dimension, GraphBuilder
from edgefuse_tools.export.graphs.layers import (
    cached_attention,
    cross_attention,
    gelu,
    last_position,
    new_rows,
    split_heads,
    split_keys,
)
from edgefuse_tools.export.graphs.precision import Precision
from edgefuse_tools.export.whisper.blocks import WhisperBlocks
from edgefuse_tools.export.whisper.rotated import rotated_encoder
from edgefuse_tools.export.whisper.weights import WhisperWeights


def build_encoder(weights: WhisperWeights, dialect: Dialect, precision: Precision) -> GraphBuilder:
    """log_mel [windows, mels, frames] to cross_key [windows, heads, head_dim, source] and cross_value [windows, heads,
    source, head_dim] of every decoder layer."""
    g = GraphBuilder("whisper_encoder", dialect, precision)
    if precision is Precision.INT8:
        weights = rotated_encoder(weights)
    block = WhisperBlocks(g, weights)
    log_mel = g.input("log_mel", "float32", ["windows", weights.mels, "frames"])
    x = encoder_states(block, log_mel)
    keys, values = [], []
    for layer in range(weights.decoder_layers):
        name = f"decoder.layers.{layer}.encoder_attn"
        keys.append(split_keys(g, block.square(x, f"{name}.k_proj"), weights.decoder_heads))
        values.append(split_heads(g, block.square(x, f"{name}.v_proj"), weights.decoder_heads))
    key_shape, value_shape = cross_shapes(weights)
    g.layer_outputs("cross_key", keys, "float32", key_shape)
    g.layer_outputs("cross_value", values, "float32", value_shape)
    return g


def encoder_states(block: WhisperBlocks, log_mel: str) -> str:
    """The encoder's last hidden state [windows, source, hidden] of `log_mel` [windows, mels, frames]."""
    g, weights = block.g, block.weights
    x = gelu(g, block.convolution(log_mel, "encoder.conv1", weights.mels, stride=1))
    x = gelu(g, block.convolution(x, "encoder.conv2", weights.hidden, stride=2))
    x = g.node("Transpose", x, perm=[0, 2, 1])
    if weights.rotation is not None:
        x = g.node("MatMul", x, g.weight("encoder.rotation", weights.rotation))
    table = g.weight(
        "encoder.positions", weights.tensor("encoder.embed_positions.weight", weights.encoder_positions, weights.hidden)
    )
    source = g.node("Shape", x, start=1, end=2)
    x = g.node("Add", x, g.node("Slice", table, g.integers(0), source, g.integers(0)))
    for layer in range(weights.encoder_layers):
        name = f"encoder.layers.{layer}"
        x = block.encoder_attention(x, name)
        x = block.feed_forward(x, name)
    return block.norm(x, "encoder.layer_norm")


def cross_shapes(weights: WhisperWeights) -> tuple[list[Dimension], list[Dimension]]:
    """The shapes of `cross_key` and `cross_value`."""
    heads, head_dim = weights.decoder_heads, weights.hidden // weights.decoder_heads
    return ["windows", heads, head_dim, "source"], ["windows", heads, "source", head_dim]


def build_decoder(weights: WhisperWeights, dialect: Dialect, precision: Precision) -> GraphBuilder:
    """input_ids [batch, tokens] and the caches to the logits of the last position [batch, vocab] and grown caches.

    `batch` = windows * hypotheses, the hypotheses of a window next to each other (`layers`).
    """
    g = GraphBuilder("whisper_decoder", dialect, precision)
    block = WhisperBlocks(g, weights)
    layers, heads, hidden = weights.decoder_layers, weights.decoder_heads, weights.hidden
    head_dim = hidden // heads

    input_ids = g.input("input_ids", "int64", ["batch", "tokens"])
    key_shape, value_shape = cross_shapes(weights)
    cross_keys = g.layer_inputs("cross_key", layers, "float32", key_shape)
    cross_values = g.layer_inputs("cross_value", layers, "float32", value_shape)
    past: list[Any] = ["batch", heads, "past", head_dim]
    past_keys = g.layer_inputs("past_key", layers, "float32", past)
    past_values = g.layer_inputs("past_value", layers, "float32", past)

    embedding = block.embedding()
    x = g.node("Add", embedding.lookup(input_ids), new_rows(g, block.decoder_positions(), past_keys[0], input_ids))
    present_keys, present_values = [], []

    def attend(layer: int, query: str, key: str, value: str) -> str:
        past = past_keys[layer], past_values[layer]
        context, present_key, present_value = cached_attention(g, query, key, value, *past, heads, head_dim)
        present_keys.append(present_key)
        present_values.append(present_value)
        return context

    def attend_source(layer: int, query: str) -> str:
        return cross_attention(g, query, cross_keys[layer], cross_values[layer], heads, head_dim)

    x = block.decoder_layers(x, attend, attend_source)
    last = block.norm(last_position(g, x), "decoder.layer_norm")
    g.output("logits", embedding.logits(last), "float32", ["batch", weights.vocab])
    present: list[Any] = ["batch", heads, "total", head_dim]
    g.layer_outputs("present_key", present_keys, "float32", present)
    g.layer_outputs("present_value", present_values, "float32", present)
    return g
