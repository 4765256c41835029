"""Graphs of a BLIP model folder for captions and answers (see docs/model-folder.md).

Each function fills an empty graph `g` of the requested dialect and precision.
"""

from __future__ import annotations

from edgefuse_tools.export.blip.config import BlipConfig, TextConfig
from edgefuse_tools.export.blip.retrieval import embedding
from edgefuse_tools.export.blip.text import (
    cross_shapes,
    embed,
    encoder_layers,
    language_logits,
    output_cross_keys_values,
    position_table,
    text_layer,
    word_table,
)
from edgefuse_tools.export.blip.vision import image_embeds
from edgefuse_tools.export.graphs.graph import Dimension, GraphBuilder
from edgefuse_tools.export.graphs.layers import attention, cached_attention, cross_attention, new_rows
from edgefuse_tools.export.graphs.section import Section


def vision_graph(
    g: GraphBuilder,
    config: BlipConfig,
    vision: Section,
    *,
    caption_decoder: Section | None,
    embeds: bool,
    retrieval: Section | None,
) -> None:
    """`vision`: pixels to `image_embeds` if `embeds`, to the cross-attention keys and values of `caption_decoder` if
    given, and to `image_embedding` by the projection of `retrieval` if given."""
    size, tokens, hidden = config.vision.image_size, config.vision.tokens, config.vision.hidden_size
    pixels = g.input("pixel_values", "float32", ["batch", 3, size, size])
    states = image_embeds(g, vision, config.vision, pixels)
    if embeds:
        g.output("image_embeds", states, "float32", ["batch", tokens, hidden])
    if caption_decoder is not None:
        output_cross_keys_values(g, caption_decoder, config.text, states, hidden, tokens)
    if retrieval is not None:
        projected = embedding(g, retrieval, states, "vision_proj", config.image_text_hidden_size, hidden)
        g.output("image_embedding", projected, "float32", ["batch", config.image_text_hidden_size])


def question_graph(g: GraphBuilder, config: BlipConfig, encoder: Section, answer_decoder: Section) -> None:
    """`question_encoder`: question and image_embeds to the cross-attention keys and values of the answer decoder.

    batch = images * questions, with the questions about an image next to each other, so that its keys and values are
    computed once for all of them. All questions of a batch have the same length, so there is no padding to mask.
    """
    text, size = config.text, config.vision.hidden_size
    ids = g.input("input_ids", "int64", ["batch", "tokens"])
    image = g.input("image_embeds", "float32", ["images", config.vision.tokens, size])

    def attend(query: str, key: str, value: str) -> str:
        return attention(g, query, key, value, text.num_attention_heads, text.head_dim)

    states = encoder_layers(g, encoder, text, ids, attend, (image, size))
    output_cross_keys_values(g, answer_decoder, text, states, text.hidden_size, "tokens")


def decoder_graph(g: GraphBuilder, config: TextConfig, decoder: Section, source: Dimension) -> None:
    """`caption_decoder`, `answer_decoder`: the next token's logits, with the cache in and out.

    `decoder` contains `bert` and `cls`; `source` is the length of the cross-attention keys or its dynamic axis.
    """
    layers, heads, head_dim = config.num_hidden_layers, config.num_attention_heads, config.head_dim
    ids = g.input("input_ids", "int64", ["batch", "tokens"])
    key_shape, value_shape = cross_shapes(config, "windows", source)
    past_shape: list[Dimension] = ["batch", heads, "past", head_dim]
    cross_keys = g.layer_inputs("cross_key", layers, "float32", key_shape)
    cross_values = g.layer_inputs("cross_value", layers, "float32", value_shape)
    past_keys = g.layer_inputs("past_key", layers, "float32", past_shape)
    past_values = g.layer_inputs("past_value", layers, "float32", past_shape)

    bert = decoder.under("bert")
    words, table = word_table(g, bert, config), position_table(g, bert, config)
    x = embed(g, bert, config, words, ids, new_rows(g, table, past_keys[0], ids))
    present_keys, present_values = [], []
    for layer in range(layers):

        def attend(query: str, key: str, value: str, layer: int = layer) -> str:
            context, present_key, present_value = cached_attention(
                g, query, key, value, past_keys[layer], past_values[layer], heads, head_dim
            )
            present_keys.append(present_key)
            present_values.append(present_value)
            return context

        def attend_source(query: str, layer: int = layer) -> str:
            return cross_attention(g, query, cross_keys[layer], cross_values[layer], heads, head_dim)

        x = text_layer(g, bert.under(f"encoder.layer.{layer}"), config, x, attend, attend_source)
    head = decoder.under("cls.predictions")
    word_weights = bert.tensor("embeddings.word_embeddings.weight", config.vocab_size, config.hidden_size)
    g.output(
        "logits", language_logits(g, head, config, x, words, word_weights), "float32", ["batch", config.vocab_size]
    )
    present_shape: list[Dimension] = ["batch", heads, "total", head_dim]
    g.layer_outputs("present_key", present_keys, "float32", present_shape)
    g.layer_outputs("present_value", present_values, "float32", present_shape)
