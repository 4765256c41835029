"""Whisper's two graphs: the encoder, which also makes the decoder's cross-attention keys and values, and the decoder.

The architecture is that of openai-whisper's `model.py`. Shapes: `frames` of log-mel (3,000 for 30 s, the most
there are positions for; fewer are a shorter window), `source` = frames / 2 rounded up, `hidden` = heads * head_dim.
"""

from __future__ import annotations

from typing import Any

from export.graph import Dialect, GraphBuilder
from export.layers import (
    attention,
    cached_attention,
    cross_attention,
    embedding_table,
    gelu,
    last_position,
    layer_norm,
    linear,
    lookup,
    new_rows,
    split_heads,
    tied_logits,
)
from export.whisper_weights import WhisperWeights

EPSILON = 1e-5
"""Of every layer normalisation: PyTorch's default, which openai-whisper leaves as it is."""


def build_encoder(weights: WhisperWeights, dialect: Dialect) -> GraphBuilder:
    """log_mel [windows, mels, frames] to cross_key, cross_value [windows, heads, source, head_dim] of every decoder layer."""
    g = GraphBuilder("whisper_encoder", dialect)
    block = _Blocks(g, weights)
    log_mel = g.input("log_mel", "float32", ["windows", weights.mels, "frames"])
    x = gelu(g, block.convolution(log_mel, "encoder.conv1", weights.mels, stride=1))
    x = gelu(g, block.convolution(x, "encoder.conv2", weights.hidden, stride=2))
    x = g.node("Transpose", x, perm=[0, 2, 1])
    table = g.weight(
        "encoder.positions", weights.tensor("encoder.embed_positions.weight", weights.encoder_positions, weights.hidden)
    )
    source = g.node("Shape", x, start=1, end=2)
    x = g.node("Add", x, g.node("Slice", table, g.integers(0), source, g.integers(0)))
    for layer in range(weights.encoder_layers):
        name = f"encoder.layers.{layer}"
        x = block.encoder_attention(x, name)
        x = block.feed_forward(x, name)
    x = block.norm(x, "encoder.layer_norm")
    keys, values = [], []
    for layer in range(weights.decoder_layers):
        name = f"decoder.layers.{layer}.encoder_attn"
        keys.append(split_heads(g, block.square(x, f"{name}.k_proj", bias=False), weights.decoder_heads))
        values.append(split_heads(g, block.square(x, f"{name}.v_proj"), weights.decoder_heads))
    shape: list[Any] = ["windows", weights.decoder_heads, "source", weights.hidden // weights.decoder_heads]
    g.layer_outputs("cross_key", keys, "float32", shape)
    g.layer_outputs("cross_value", values, "float32", shape)
    return g


def build_decoder(weights: WhisperWeights, dialect: Dialect) -> GraphBuilder:
    """input_ids [batch, tokens] and the caches to the logits of the last position [batch, vocab] and grown caches.

    `batch` = windows * hypotheses, the hypotheses of a window next to each other (`layers`).
    """
    g = GraphBuilder("whisper_decoder", dialect)
    block = _Blocks(g, weights)
    layers, heads, hidden = weights.decoder_layers, weights.decoder_heads, weights.hidden
    head_dim = hidden // heads

    input_ids = g.input("input_ids", "int64", ["batch", "tokens"])
    cross: list[Any] = ["windows", heads, "source", head_dim]
    cross_keys = g.layer_inputs("cross_key", layers, "float32", cross)
    cross_values = g.layer_inputs("cross_value", layers, "float32", cross)
    past: list[Any] = ["batch", heads, "past", head_dim]
    past_keys = g.layer_inputs("past_key", layers, "float32", past)
    past_values = g.layer_inputs("past_value", layers, "float32", past)

    embedding = embedding_table(
        g, "decoder.embedding", weights.tensor("decoder.embed_tokens.weight", weights.vocab, hidden)
    )
    table = g.weight(
        "decoder.positions", weights.tensor("decoder.embed_positions.weight", weights.decoder_positions, hidden)
    )
    x = g.node("Add", lookup(g, embedding, input_ids), new_rows(g, table, past_keys[0], input_ids))
    present_keys, present_values = [], []
    for layer in range(layers):
        name = f"decoder.layers.{layer}"
        normal = block.norm(x, f"{name}.self_attn_layer_norm")
        query, key, value = block.query_key_value(normal, f"{name}.self_attn")
        context, present_key, present_value = cached_attention(
            g, query, key, value, past_keys[layer], past_values[layer], heads, head_dim
        )
        x = g.node("Add", x, block.square(context, f"{name}.self_attn.out_proj"))
        present_keys.append(present_key)
        present_values.append(present_value)

        normal = block.norm(x, f"{name}.encoder_attn_layer_norm")
        query = block.square(normal, f"{name}.encoder_attn.q_proj")
        context = cross_attention(g, query, cross_keys[layer], cross_values[layer], heads, head_dim)
        x = g.node("Add", x, block.square(context, f"{name}.encoder_attn.out_proj"))
        x = block.feed_forward(x, name)
    last = block.norm(last_position(g, x), "decoder.layer_norm")
    g.output("logits", tied_logits(g, last, embedding), "float32", ["batch", weights.vocab])
    present: list[Any] = ["batch", heads, "total", head_dim]
    g.layer_outputs("present_key", present_keys, "float32", present)
    g.layer_outputs("present_value", present_values, "float32", present)
    return g


class _Blocks:
    """Whisper's layers by the names of their weights, added to one graph."""

    def __init__(self, g: GraphBuilder, weights: WhisperWeights) -> None:
        self.g = g
        self.weights = weights

    def convolution(self, x: str, name: str, inputs: int, stride: int) -> str:
        """A convolution of width 3 along the last axis: [batch, inputs, frames] to [batch, hidden, frames / stride]."""
        weight, bias = self.weights.linear(name, self.weights.hidden, inputs, 3)
        assert bias is not None
        names = self.g.weight(f"{name}.weight", weight), self.g.weight(f"{name}.bias", bias)
        return self.g.node("Conv", x, *names, kernel_shape=[3], pads=[1, 1], strides=[stride])

    def norm(self, x: str, name: str) -> str:
        return layer_norm(self.g, x, name, *self.weights.norm(name), epsilon=EPSILON)

    def square(self, x: str, name: str, bias: bool = True) -> str:
        """A linear layer from hidden to hidden."""
        hidden = self.weights.hidden
        return linear(self.g, x, name, *self.weights.linear(name, hidden, hidden, bias=bias))

    def query_key_value(self, x: str, name: str) -> tuple[str, str, str]:
        key = self.square(x, f"{name}.k_proj", bias=False)
        return self.square(x, f"{name}.q_proj"), key, self.square(x, f"{name}.v_proj")

    def encoder_attention(self, x: str, name: str) -> str:
        """The residual self-attention of an encoder layer."""
        normal = self.norm(x, f"{name}.self_attn_layer_norm")
        query, key, value = self.query_key_value(normal, f"{name}.self_attn")
        heads = self.weights.encoder_heads
        context = attention(self.g, query, key, value, heads, self.weights.hidden // heads)
        return self.g.node("Add", x, self.square(context, f"{name}.self_attn.out_proj"))

    def feed_forward(self, x: str, name: str) -> str:
        """The residual two-layer network of a layer."""
        hidden, inner = self.weights.hidden, self.weights.inner_size(name)
        normal = self.norm(x, f"{name}.final_layer_norm")
        wide = gelu(self.g, linear(self.g, normal, f"{name}.fc1", *self.weights.linear(f"{name}.fc1", inner, hidden)))
        narrow = linear(self.g, wide, f"{name}.fc2", *self.weights.linear(f"{name}.fc2", hidden, inner))
        return self.g.node("Add", x, narrow)
