"""The graphs of a vision-language model.

`vision` maps tiles of a picture to rows, and `decoder` is that of a language model which reads such rows beside tokens.

Reference: transformers, models/smolvlm/modeling_smolvlm.py; models/idefics3/ has the same layers.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edgefuse_tools.export.encoder.clip import NAMES
from edgefuse_tools.export.encoder.transformer import layer, patches
from edgefuse_tools.export.graphs.graph import GraphBuilder
from edgefuse_tools.export.graphs.layers import attention
from edgefuse_tools.export.graphs.linear import linear
from edgefuse_tools.export.graphs.section import Section, layer_norm_of
from edgefuse_tools.export.vlm.config import VlmConfig


def vision_graph(g: GraphBuilder, config: VlmConfig, model: Section) -> None:
    """Fills `vision`: `pixel_values` [tiles, 3, side, side] to `image_embeds` [tiles, rows, hidden of the language
    model]."""
    tower, hidden = config.vision, config.vision.hidden_size
    vision = model.under("vision_model")
    pixels = g.input("pixel_values", "float32", ["tiles", 3, tower.image_size, tower.image_size])
    embeddings = vision.under("embeddings")
    positions = embeddings.tensor("position_embedding.weight", tower.patches, hidden)
    x = patches(g, embeddings, tower, pixels, "patch_embedding", positions, None)

    def attend(query: str, key: str, value: str) -> str:
        return attention(g, query, key, value, tower.num_attention_heads, tower.head_dim)

    for number in range(tower.num_hidden_layers):
        x = layer(g, vision.under(f"encoder.layers.{number}"), tower, NAMES, x, attend)
    x = layer_norm_of(g, vision, x, "post_layernorm", hidden, tower.layer_norm_eps)
    width, name = config.text.hidden_size, "connector.modality_projection.proj.weight"
    shuffled, inputs = _shuffled(g, config, x), hidden * config.scale_factor**2
    rows = linear(g, shuffled, model.name(name), model.tensor(name, width, inputs))
    g.output("image_embeds", rows, "float32", ["tiles", config.rows_per_tile, width])


def _shuffled(g: GraphBuilder, config: VlmConfig, x: str) -> str:
    """The pixel shuffle: `x` [tiles, patches, hidden] with each square of patches side by side, [tiles, rows, hidden *
    scale_factor ** 2]."""
    scale, hidden = config.scale_factor, config.vision.hidden_size
    side = config.vision.image_size // config.vision.patch_size
    x = g.node("Reshape", x, g.integers(0, side, side // scale, hidden * scale))
    x = g.node("Transpose", x, perm=[0, 2, 1, 3])
    x = g.node("Reshape", x, g.integers(0, side // scale, side // scale, hidden * scale**2))
    x = g.node("Transpose", x, perm=[0, 2, 1, 3])
    return g.node("Reshape", x, g.integers(0, config.rows_per_tile, hidden * scale**2))


def embedded_with_pictures(g: GraphBuilder, ids: str, lookup: Callable[[str], str], vocabulary: int, width: int) -> str:
    """Embeddings of `ids` [batch, tokens]: [batch, tokens, width]. The id `vocabulary` + n is row n of the input
    `image_rows`, so one graph reads text and pictures, and a run without pictures computes hardly more."""
    rows = g.input("image_rows", "float32", ["rows", width])
    zero, first = (g.constant(np.array(value, dtype=np.int64)) for value in (0, vocabulary))
    is_text = g.node("Less", ids, first)
    words = lookup(g.node("Where", is_text, ids, zero))
    seen = g.node("Gather", rows, g.node("Where", is_text, zero, g.node("Sub", ids, first)), axis=0)
    return g.node("Where", g.node("Unsqueeze", is_text, g.integers(-1)), words, seen)
