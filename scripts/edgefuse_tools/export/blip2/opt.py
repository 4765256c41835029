"""OPT as BLIP-2's `decoder` graph. Reference: transformers, models/opt/modeling_opt.py.

Shapes as in `layers`; `image` is the number of rows of the picture in this call, 0 in all but the first.
"""

from __future__ import annotations

from edgefuse_tools.export.blip2.config import OptConfig
from edgefuse_tools.export.blip2.text import linear_maybe_biased, output_logits
from edgefuse_tools.export.graphs.activations import activation
from edgefuse_tools.export.graphs.graph import Dimension, GraphBuilder
from edgefuse_tools.export.graphs.layers import cached_attention, last_position, new_rows
from edgefuse_tools.export.graphs.linear import EmbeddingTable
from edgefuse_tools.export.graphs.section import Section, layer_norm_of

POSITION_OFFSET = 2
"""Unused first rows of OPT's position table: its dictionary's padding comes first."""

EPSILON = 1e-5
"""Epsilon of every layer normalisation: PyTorch's default, which OPT uses."""


def decoder_graph(g: GraphBuilder, config: OptConfig, root: Section) -> None:
    """Fills `decoder`: the next token's logits, with the cache in and out.

    `image_embeds` [batch, image, hidden] precede the embeddings of `input_ids`: they are positions like tokens, and
    stay in the cache.
    """
    layers, heads, head_dim = config.num_hidden_layers, config.num_attention_heads, config.head_dim
    hidden, before = config.hidden_size, config.do_layer_norm_before
    ids = g.input("input_ids", "int64", ["batch", "tokens"])
    image = g.input("image_embeds", "float32", ["batch", "image", hidden])
    past_shape: list[Dimension] = ["batch", heads, "past", head_dim]
    past_keys = g.layer_inputs("past_key", layers, "float32", past_shape)
    past_values = g.layer_inputs("past_value", layers, "float32", past_shape)

    w = root.under("model.decoder")
    table = w.tensor("embed_tokens.weight", config.vocab_size, hidden)
    words = EmbeddingTable(g, w.name("embed_tokens.weight"), table)
    rows = w.tensor("embed_positions.weight", config.max_position_embeddings + POSITION_OFFSET, hidden)
    positions = g.weight(w.name("embed_positions.weight"), rows[POSITION_OFFSET:])
    x = g.node("Concat", image, words.lookup(ids), axis=1)
    x = g.node("Add", x, new_rows(g, positions, past_keys[0], x))
    present_keys, present_values = [], []
    for index in range(layers):
        layer = w.under(f"layers.{index}")
        normal = _norm(g, layer, x, "self_attn_layer_norm", hidden, when=before)
        query, key, value = (
            linear_maybe_biased(g, layer, normal, f"self_attn.{part}", hidden, hidden)
            for part in ("q_proj", "k_proj", "v_proj")
        )
        context, present_key, present_value = cached_attention(
            g, query, key, value, past_keys[index], past_values[index], heads, head_dim
        )
        present_keys.append(present_key)
        present_values.append(present_value)
        x = g.node("Add", x, linear_maybe_biased(g, layer, context, "self_attn.out_proj", hidden, hidden))
        x = _norm(g, layer, x, "self_attn_layer_norm", hidden, when=not before)
        normal = _norm(g, layer, x, "final_layer_norm", hidden, when=before)
        inner = linear_maybe_biased(g, layer, normal, "fc1", config.ffn_dim, hidden)
        inner = activation(g, inner, config.activation_function)
        x = g.node("Add", x, linear_maybe_biased(g, layer, inner, "fc2", hidden, config.ffn_dim))
        x = _norm(g, layer, x, "final_layer_norm", hidden, when=not before)
    x = last_position(g, x)
    if config.final_layer_norm:
        x = layer_norm_of(g, w, x, "final_layer_norm", hidden, EPSILON)
    g.output("logits", output_logits(g, root, x, words, table), "float32", ["batch", config.vocab_size])
    present_shape: list[Dimension] = ["batch", heads, "total", head_dim]
    g.layer_outputs("present_key", present_keys, "float32", present_shape)
    g.layer_outputs("present_value", present_values, "float32", present_shape)


def _norm(g: GraphBuilder, w: Section, x: str, name: str, size: int, *, when: bool) -> str:
    """The layer norm `name` over `x` [..., size] if `when`: OPT has it either before a block or after its sum."""
    return layer_norm_of(g, w, x, name, size, EPSILON) if when else x
