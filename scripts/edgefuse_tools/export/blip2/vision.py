"""BLIP-2's `vision` graph: picture to the rows that the language model reads.

Reference: transformers, models/blip_2/modeling_blip_2.py. The vision transformer is BLIP's; the Q-Former is BERT layers
over learned queries, which attend to the picture in every `cross_attention_frequency`-th layer. `queries` =
`num_query_tokens`.
"""

from __future__ import annotations

from edgefuse_tools.export.blip.vision import image_embeds
from edgefuse_tools.export.blip2.config import Blip2Config, QFormerConfig
from edgefuse_tools.export.graphs.activations import activation
from edgefuse_tools.export.graphs.graph import GraphBuilder
from edgefuse_tools.export.graphs.layers import attention
from edgefuse_tools.export.graphs.section import Section, layer_norm_of, linear_of


def vision_graph(g: GraphBuilder, config: Blip2Config, root: Section) -> None:
    """Fills `vision`: `pixel_values` [batch, 3, height, width] to `image_embeds` [batch, queries, hidden of the
    language model]."""
    size = config.vision.image_size
    pixels = g.input("pixel_values", "float32", ["batch", 3, size, size])
    picture = image_embeds(g, root.under("vision_model"), config.vision, pixels)
    seen = _qformer(g, root, config, picture)
    hidden = config.text.hidden_size
    projected = linear_of(g, root, seen, "language_projection", hidden, config.qformer.hidden_size)
    g.output("image_embeds", projected, "float32", ["batch", config.num_query_tokens, hidden])


def _qformer(g: GraphBuilder, root: Section, config: Blip2Config, picture: str) -> str:
    """The queries after attending to `picture` [batch, patches, hidden of the vision transformer]: [batch, queries,
    hidden].

    Before they first attend to the picture, the queries are the same for all pictures, [1, queries, hidden]: ONNX
    Runtime computes that part once, when it loads the graph.
    """
    qformer, count = config.qformer, config.num_query_tokens
    w = root.under("qformer")
    queries = g.weight("query_tokens", root.tensor("query_tokens", 1, count, qformer.hidden_size))
    x = layer_norm_of(g, w, queries, "layernorm", qformer.hidden_size, qformer.layer_norm_eps)
    for index in range(qformer.num_hidden_layers):
        layer = w.under(f"encoder.layer.{index}")
        x = _attended(g, layer.under("attention"), qformer, x, x, qformer.hidden_size)
        if index == 0:
            batch = g.node("Concat", g.node("Shape", picture, start=0, end=1), g.integers(1, 1), axis=0)
            x = g.node("Expand", x, batch)
        if index % qformer.cross_attention_frequency == 0:
            x = _attended(g, layer.under("crossattention"), qformer, x, picture, config.vision.hidden_size)
        inner = linear_of(g, layer, x, "intermediate_query.dense", qformer.intermediate_size, qformer.hidden_size)
        inner = activation(g, inner, qformer.hidden_act)
        x = _added(g, layer.under("output_query"), qformer, inner, qformer.intermediate_size, x)
    return x


def _attended(g: GraphBuilder, w: Section, config: QFormerConfig, x: str, source: str, source_size: int) -> str:
    """`x` [batch, queries, hidden] after attention to `source` [batch, source, source_size]: shape of `x`."""
    hidden, heads = config.hidden_size, config.num_attention_heads
    query = linear_of(g, w, x, "attention.query", hidden, hidden)
    key, value = (linear_of(g, w, source, f"attention.{part}", hidden, source_size) for part in ("key", "value"))
    context = attention(g, query, key, value, heads, hidden // heads)
    return _added(g, w.under("output"), config, context, hidden, x)


def _added(g: GraphBuilder, w: Section, config: QFormerConfig, inner: str, inner_size: int, residual: str) -> str:
    """`inner` [batch, queries, inner_size] projected, added to `residual` [batch, queries, hidden] and normalised."""
    projected = linear_of(g, w, inner, "dense", config.hidden_size, inner_size)
    total = g.node("Add", projected, residual)
    return layer_norm_of(g, w, total, "LayerNorm", config.hidden_size, config.layer_norm_eps)
