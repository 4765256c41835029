"""BLIP's vision transformer. Reference: transformers, models/blip/modeling_blip.py (BlipVisionModel).

Shapes: `tokens` = 1 + (image_size / patch_size)^2, the class token first.
"""

from __future__ import annotations

from edgefuse_tools.export.blip.config import VisionConfig
from edgefuse_tools.export.checkpoints.checkpoint import to_float32
from edgefuse_tools.export.graphs.activations import activation
from edgefuse_tools.export.graphs.graph import GraphBuilder
from edgefuse_tools.export.graphs.layers import attention
from edgefuse_tools.export.graphs.linear import linear
from edgefuse_tools.export.graphs.section import Section, layer_norm_of, linear_after_gelu_of, linear_of


def image_embeds(g: GraphBuilder, w: Section, config: VisionConfig, pixels: str) -> str:
    """`pixels` [batch, 3, image_size, image_size], normalised, to the last hidden state [batch, tokens, hidden]."""
    x = _patches(g, w.under("embeddings"), config, pixels)
    for layer in range(config.num_hidden_layers):
        x = _layer(g, w.under(f"encoder.layers.{layer}"), config, x)
    return layer_norm_of(g, w, x, "post_layernorm", config.hidden_size, config.layer_norm_eps)


def _patches(g: GraphBuilder, w: Section, config: VisionConfig, pixels: str) -> str:
    """The class token and the embedded patches, with positions: [batch, tokens, hidden]."""
    hidden, patch = config.hidden_size, config.patch_size
    kernel = g.weight(w.name("patch_embedding.weight"), w.tensor("patch_embedding.weight", hidden, 3, patch, patch))
    bias = g.weight(w.name("patch_embedding.bias"), w.tensor("patch_embedding.bias", hidden))
    grid = g.node("Conv", pixels, kernel, bias, kernel_shape=[patch, patch], strides=[patch, patch])
    patches = g.node("Transpose", g.node("Reshape", grid, g.integers(0, 0, -1)), perm=[0, 2, 1])
    # The class embedding is the same for every image: adding it to its position here avoids an Expand to the batch.
    positions = to_float32(w.tensor("position_embedding", 1, config.tokens, hidden)).copy()
    positions[:, 0] += to_float32(w.tensor("class_embedding", 1, 1, hidden))[:, 0]
    behind_class = g.node("Pad", patches, g.integers(0, 1, 0, 0, 0, 0))
    return g.node("Add", behind_class, g.weight(w.name("position_embedding"), positions))


def _layer(g: GraphBuilder, w: Section, config: VisionConfig, x: str) -> str:
    """One pre-norm layer over `x` [batch, tokens, hidden]."""
    hidden, inner, epsilon = config.hidden_size, config.intermediate_size, config.layer_norm_eps
    x = g.node("Add", _self_attention(g, w, config, layer_norm_of(g, w, x, "layer_norm1", hidden, epsilon)), x)
    wide = linear_of(g, w, layer_norm_of(g, w, x, "layer_norm2", hidden, epsilon), "mlp.fc1", inner, hidden)
    narrow = linear_after_gelu_of(g, w, activation(g, wide, config.hidden_act), "mlp.fc2", hidden, inner)
    return g.node("Add", narrow, x)


def _self_attention(g: GraphBuilder, w: Section, config: VisionConfig, x: str) -> str:
    """Every token of `x` [batch, tokens, hidden] to every token, projected: [batch, tokens, hidden].

    The checkpoint stacks the weights of query, key and value. They are three products here because
    MultiHeadAttention's flash kernel takes three inputs.
    """
    hidden, heads = config.hidden_size, config.num_attention_heads
    weight, bias = w.tensor("self_attn.qkv.weight", 3 * hidden, hidden), w.tensor("self_attn.qkv.bias", 3 * hidden)
    query, key, value = (
        linear(g, x, w.name(f"self_attn.{part}"), weight[start : start + hidden], bias[start : start + hidden])
        for part, start in (("query", 0), ("key", hidden), ("value", 2 * hidden))
    )
    context = attention(g, query, key, value, heads, hidden // heads)
    return linear_of(g, w, context, "self_attn.projection", hidden, hidden)
