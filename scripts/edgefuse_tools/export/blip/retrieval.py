"""Graphs of BLIP that compare texts with pictures. Each function fills an empty graph `g`, as in `graphs`.

Reference: transformers, models/blip/modeling_blip.py (BlipForImageTextRetrieval). Shapes: `texts` rows of `tokens`
each; shorter ones are filled up with the padding token, where `attention_mask` is 0.
"""

from __future__ import annotations

from edgefuse_tools.export.blip.config import BlipConfig
from edgefuse_tools.export.blip.text import SelfAttention, encoder_layers
from edgefuse_tools.export.graphs.graph import GraphBuilder
from edgefuse_tools.export.graphs.layers import first_position, masked_attention
from edgefuse_tools.export.graphs.section import Section, linear_of


def embedding(g: GraphBuilder, w: Section, states: str, name: str, out_size: int, in_size: int) -> str:
    """The first position of `states` [batch, tokens, in_size] through the linear layer `name`, normalised: [batch,
    out_size]."""
    projected = linear_of(g, w, first_position(g, states), name, out_size, in_size)
    return g.node("LpNormalization", projected, axis=-1, p=2)


def text_graph(g: GraphBuilder, config: BlipConfig, model: Section) -> None:
    """`text_encoder`: texts to embeddings; their dot product with those of pictures is the similarity."""
    ids, attend = _inputs(g, config)
    states = encoder_layers(g, model.under("text_encoder"), config.text, ids, attend, None)
    size = config.image_text_hidden_size
    projected = embedding(g, model, states, "text_proj", size, config.text.hidden_size)
    g.output("text_embedding", projected, "float32", ["texts", size])


def match_graph(g: GraphBuilder, config: BlipConfig, model: Section) -> None:
    """`match_encoder`: texts and a picture's image_embeds to two logits each; the softmax of the second one is the
    probability that text and picture match.

    With several pictures, texts = images * texts per picture, those of a picture next to each other.
    """
    ids, attend = _inputs(g, config)
    size = config.vision.hidden_size
    image = g.input("image_embeds", "float32", ["images", config.vision.tokens, size])
    states = encoder_layers(g, model.under("text_encoder"), config.text, ids, attend, (image, size))
    logits = linear_of(g, model, first_position(g, states), "itm_head", 2, config.text.hidden_size)
    g.output("match_logits", logits, "float32", ["texts", 2])


def _inputs(g: GraphBuilder, config: BlipConfig) -> tuple[str, SelfAttention]:
    """The texts' ids, and self-attention with their mask."""
    ids = g.input("input_ids", "int64", ["texts", "tokens"])
    mask = g.input("attention_mask", "int64", ["texts", "tokens"])

    def attend(query: str, key: str, value: str) -> str:
        return masked_attention(g, query, key, value, mask, config.text.num_attention_heads, config.text.head_dim)

    return ids, attend
