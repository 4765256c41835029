"""CLIP and SigLIP: Hugging Face folders with a tower of pictures and one of texts, in one space.

Reference: transformers, models/clip/modeling_clip.py (CLIPModel) and models/siglip/modeling_siglip.py (SiglipModel).
"""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

from edgefuse_tools.export.checkpoints.checkpoint import Checkpoint, read_json, to_float32
from edgefuse_tools.export.encoder.parts import PICTURE, TEXT, Parts, output_embedding, pixel_input
from edgefuse_tools.export.encoder.preprocessing import of_processor
from edgefuse_tools.export.encoder.tokens import tokenizer_file
from edgefuse_tools.export.encoder.transformer import Names, TextTower, VisionTower, layer, patches, read_tower
from edgefuse_tools.export.graphs.activations import activation
from edgefuse_tools.export.graphs.graph import GraphBuilder
from edgefuse_tools.export.graphs.layers import (
    attention,
    attention_scores,
    causal_attention,
    first_position,
    last_position,
    merge_heads,
    split_heads,
    split_keys,
)
from edgefuse_tools.export.graphs.linear import EmbeddingTable, linear
from edgefuse_tools.export.graphs.section import Section, layer_norm_of, linear_after_gelu_of, linear_of
from edgefuse_tools.export.model_folder import Lengths

NAMES = Names(
    "layer_norm1", "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.out_proj", "layer_norm2",
    "mlp.fc1", "mlp.fc2",
)  # fmt: skip
_SIZES = {"num_hidden_layers": 12, "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5}
CLIP_VISION = _SIZES | {
    "hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12, "image_size": 224, "patch_size": 32,
}  # fmt: skip
CLIP_TEXT = _SIZES | {
    "hidden_size": 512, "intermediate_size": 2048, "num_attention_heads": 8, "vocab_size": 49408,
    "max_position_embeddings": 77,
}  # fmt: skip
_SIGLIP = {
    "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
    "hidden_act": "gelu_pytorch_tanh", "layer_norm_eps": 1e-6,
}  # fmt: skip
SIGLIP_VISION = _SIGLIP | {"image_size": 224, "patch_size": 16}
SIGLIP_TEXT = _SIGLIP | {"vocab_size": 32000, "max_position_embeddings": 64}
PROJECTION = 512
CLIP_PAD, SIGLIP_PAD = 49407, 1
"""Defaults of `pad_token_id`."""


def read_clip(folder: Path) -> Parts:
    """Both graphs of the CLIP in `folder`."""
    path, config, checkpoint = folder / "config.json", read_json(folder, "config.json"), Checkpoint.open(folder)
    vision = read_tower(path, config, "vision_config", CLIP_VISION, VisionTower)
    text = read_tower(path, config, "text_config", CLIP_TEXT, TextTower)
    size, w = int(config.get("projection_dim", PROJECTION)), Section(checkpoint)
    parts = Parts(
        graphs={
            PICTURE: partial(clip_picture, w=w, tower=vision, size=size),
            TEXT: partial(clip_text, w=w, tower=text, size=size),
        }
    )
    return _completed(parts, folder, "clip", text, vision.image_size, _pad(config, CLIP_PAD))


def read_siglip(folder: Path) -> Parts:
    """Both graphs of the SigLIP in `folder`."""
    path, config, checkpoint = folder / "config.json", read_json(folder, "config.json"), Checkpoint.open(folder)
    vision = read_tower(path, config, "vision_config", SIGLIP_VISION, VisionTower)
    text = read_tower(path, config, "text_config", SIGLIP_TEXT, TextTower)
    w = Section(checkpoint)
    parts = Parts(
        graphs={
            PICTURE: partial(siglip_picture, w=w, tower=vision),
            TEXT: partial(siglip_text, w=w, tower=text),
        }
    )
    _completed(parts, folder, "siglip", text, vision.image_size, _pad(config, SIGLIP_PAD))
    scale, bias = (float(to_float32(checkpoint.raw(name)).reshape(-1)[0]) for name in ("logit_scale", "logit_bias"))
    parts.details["matching"] = {"scale": math.exp(scale), "bias": bias}
    return parts


def clip_picture(g: GraphBuilder, w: Section, tower: VisionTower, size: int) -> None:
    vision, hidden = w.under("vision_model"), tower.hidden_size
    embeddings = vision.under("embeddings")
    x = patches(
        g, embeddings, tower, pixel_input(g, tower.image_size, tower.image_size), "patch_embedding",
        embeddings.tensor("position_embedding.weight", tower.patches + 1, hidden),
        embeddings.tensor("class_embedding", hidden),
    )  # fmt: skip
    x = layer_norm_of(g, vision, x, "pre_layrnorm", hidden, tower.layer_norm_eps)
    x = first_position(g, _picture_layers(g, vision, tower, x))
    x = layer_norm_of(g, vision, x, "post_layernorm", hidden, tower.layer_norm_eps)
    name = "visual_projection.weight"
    output_embedding(g, linear(g, x, w.name(name), w.tensor(name, size, hidden)), "pictures", size, normalised=True)


def clip_text(g: GraphBuilder, w: Section, tower: TextTower, size: int) -> None:
    """The embedding is that of the last token of a text, which ends it."""
    text, hidden = w.under("text_model"), tower.hidden_size
    ids = g.input("input_ids", "int64", ["texts", "tokens"])
    mask = g.input("attention_mask", "int64", ["texts", "tokens"])

    def attend(query: str, key: str, value: str) -> str:
        return causal_attention(g, query, key, value, tower.num_attention_heads, tower.head_dim)

    x = _embedded(g, text, tower, ids)
    for number in range(tower.num_hidden_layers):
        x = layer(g, text.under(f"encoder.layers.{number}"), tower, NAMES, x, attend)
    x = layer_norm_of(g, text, x, "final_layer_norm", hidden, tower.layer_norm_eps)
    last = g.node("Sub", g.node("ReduceSum", mask, g.integers(1), keepdims=1), g.integers(1))
    x = g.node("GatherND", x, last, batch_dims=1)
    name = "text_projection.weight"
    output_embedding(g, linear(g, x, w.name(name), w.tensor(name, size, hidden)), "texts", size, normalised=True)


def siglip_picture(g: GraphBuilder, w: Section, tower: VisionTower) -> None:
    vision, hidden = w.under("vision_model"), tower.hidden_size
    embeddings = vision.under("embeddings")
    positions = embeddings.tensor("position_embedding.weight", tower.patches, hidden)
    pixels = pixel_input(g, tower.image_size, tower.image_size)
    x = _picture_layers(g, vision, tower, patches(g, embeddings, tower, pixels, "patch_embedding", positions, None))
    x = layer_norm_of(g, vision, x, "post_layernorm", hidden, tower.layer_norm_eps)
    output_embedding(g, _attended(g, vision.under("head"), tower, x), "pictures", hidden, normalised=True)


def siglip_text(g: GraphBuilder, w: Section, tower: TextTower) -> None:
    """Texts are padded to a fixed length; every token attends to all, padding included, and the last one is used."""
    text, hidden = w.under("text_model"), tower.hidden_size
    ids = g.input("input_ids", "int64", ["texts", tower.max_position_embeddings])

    def attend(query: str, key: str, value: str) -> str:
        return attention(g, query, key, value, tower.num_attention_heads, tower.head_dim)

    x = _embedded(g, text, tower, ids)
    for number in range(tower.num_hidden_layers):
        x = layer(g, text.under(f"encoder.layers.{number}"), tower, NAMES, x, attend)
    x = layer_norm_of(g, text, last_position(g, x), "final_layer_norm", hidden, tower.layer_norm_eps)
    output_embedding(g, linear_of(g, text, x, "head", hidden, hidden), "texts", hidden, normalised=True)


def _picture_layers(g: GraphBuilder, w: Section, tower: VisionTower, x: str) -> str:
    def attend(query: str, key: str, value: str) -> str:
        return attention(g, query, key, value, tower.num_attention_heads, tower.head_dim)

    for number in range(tower.num_hidden_layers):
        x = layer(g, w.under(f"encoder.layers.{number}"), tower, NAMES, x, attend)
    return x


def _embedded(g: GraphBuilder, w: Section, tower: TextTower, ids: str) -> str:
    """`ids` [texts, tokens] with their positions: [texts, tokens, hidden]."""
    words, positions = "embeddings.token_embedding.weight", "embeddings.position_embedding.weight"
    table = EmbeddingTable(g, w.name(words), w.tensor(words, tower.vocab_size, tower.hidden_size))
    rows = g.weight(w.name(positions), w.tensor(positions, tower.max_position_embeddings, tower.hidden_size))
    length = g.node("Shape", ids, start=1, end=2)
    return g.node("Add", table.lookup(ids), g.node("Slice", rows, g.integers(0), length, g.integers(0)))


def _attended(g: GraphBuilder, w: Section, tower: VisionTower, x: str) -> str:
    """SigLIP's pooling: a learned query attends to all tokens of `x`, then a feed-forward network: [pictures, hidden]."""
    hidden, heads = tower.hidden_size, tower.num_attention_heads
    weight = to_float32(w.tensor("attention.in_proj_weight", 3 * hidden, hidden))
    bias = to_float32(w.tensor("attention.in_proj_bias", 3 * hidden))
    probe = to_float32(w.tensor("probe", 1, 1, hidden))
    query = g.weight(w.name("query"), probe @ weight[:hidden].T + bias[:hidden])
    key, value = (
        linear(g, x, w.name(f"attention.{part}"), weight[start : start + hidden], bias[start : start + hidden])
        for part, start in (("key", hidden), ("value", 2 * hidden))
    )
    scores = g.node("Softmax", attention_scores(g, query, split_keys(g, key, heads), heads, tower.head_dim), axis=-1)
    context = merge_heads(g, g.node("MatMul", scores, split_heads(g, value, heads)))
    y = first_position(g, linear_of(g, w, context, "attention.out_proj", hidden, hidden))
    normal = layer_norm_of(g, w, y, "layernorm", hidden, tower.layer_norm_eps)
    wide = activation(g, linear_of(g, w, normal, "mlp.fc1", tower.intermediate_size, hidden), tower.hidden_act)
    return g.node("Add", y, linear_after_gelu_of(g, w, wide, "mlp.fc2", hidden, tower.intermediate_size))


def _pad(config: dict[str, object], default: int) -> int:
    text = config.get("text_config")
    pad = text.get("pad_token_id") if isinstance(text, dict) else None
    return pad if isinstance(pad, int) else default


def _completed(parts: Parts, folder: Path, kind: str, text: TextTower, side: int, pad: int) -> Parts:
    """`parts` with what model.yaml says about both towers, and the tokenizer."""
    tokenizer, _ = tokenizer_file(folder, text.vocab_size)
    most = text.max_position_embeddings
    limits: dict[str, object] = {"max_tokens": most, "pad": pad}
    if kind == "siglip":
        limits["fixed_length"] = True
    parts.details = {"image": of_processor(folder, side, kind).section(), "tokenizer": "tokenizer.json", "text": limits}
    parts.files = {"tokenizer.json": tokenizer}
    parts.lengths["tokens"] = Lengths(1, min(16, most), most)
    return parts
