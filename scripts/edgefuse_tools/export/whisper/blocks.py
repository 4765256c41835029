"""Whisper's layers, addressed by weight names; the architecture is that of openai-whisper's `model.py`."""

from __future__ import annotations

from collections.abc import Callable

from edgefuse_tools.export.graphs.graph import GraphBuilder
from edgefuse_tools.export.graphs.layers import attention, gelu, layer_norm
from edgefuse_tools.export.graphs.linear import EmbeddingTable, linear, linear_after_gelu
from edgefuse_tools.export.whisper.weights import WhisperWeights

EPSILON = 1e-5
"""Epsilon of every layer normalisation: PyTorch's default, which openai-whisper uses."""

SelfAttention = Callable[[int, str, str, str], str]
"""layer, query, key, value [batch, tokens, hidden] -> context [batch, tokens, hidden]"""

CrossAttention = Callable[[int, str], str]
"""layer, query [batch, tokens, hidden] -> context [batch, tokens, hidden]"""


class WhisperBlocks:
    """Adds Whisper's layers, addressed by weight names, to one graph."""

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

    def square(self, x: str, name: str) -> str:
        """A linear layer from hidden to hidden, with a bias if the weights have one."""
        hidden = self.weights.hidden
        return linear(self.g, x, name, *self.weights.linear(name, hidden, hidden, bias=self.weights.has_bias(name)))

    def query_key_value(self, x: str, name: str) -> tuple[str, str, str]:
        key = self.square(x, f"{name}.k_proj")
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
        weight, bias = self.weights.linear(f"{name}.fc2", hidden, inner)
        assert bias is not None
        narrow = linear_after_gelu(self.g, wide, f"{name}.fc2", weight, bias)
        return self.g.node("Add", x, narrow)

    def embedding(self) -> EmbeddingTable:
        """The decoder's embedding table."""
        table = self.weights.tensor("decoder.embed_tokens.weight", self.weights.vocab, self.weights.hidden)
        return EmbeddingTable(self.g, "decoder.embedding", table)

    def decoder_positions(self) -> str:
        """The decoder's position table [positions, hidden]."""
        shape = self.weights.decoder_positions, self.weights.hidden
        return self.g.weight("decoder.positions", self.weights.tensor("decoder.embed_positions.weight", *shape))

    def decoder_layers(self, x: str, attend: SelfAttention, attend_source: CrossAttention) -> str:
        """All layers of the decoder over `x` [batch, tokens, hidden]: shape of `x`."""
        for layer in range(self.weights.decoder_layers):
            name = f"decoder.layers.{layer}"
            normal = self.norm(x, f"{name}.self_attn_layer_norm")
            context = attend(layer, *self.query_key_value(normal, f"{name}.self_attn"))
            x = self.g.node("Add", x, self.square(context, f"{name}.self_attn.out_proj"))
            query = self.square(self.norm(x, f"{name}.encoder_attn_layer_norm"), f"{name}.encoder_attn.q_proj")
            x = self.g.node("Add", x, self.square(attend_source(layer, query), f"{name}.encoder_attn.out_proj"))
            x = self.feed_forward(x, name)
        return x
