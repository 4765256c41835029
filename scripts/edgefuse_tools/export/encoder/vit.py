"""ViT and DINOv2: Hugging Face folders. The embedding is the class token after the last layer norm.

Reference: transformers, models/vit/modeling_vit.py and models/dinov2/modeling_dinov2.py.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from edgefuse_tools.export.checkpoints.checkpoint import Checkpoint, read_json, to_float32
from edgefuse_tools.export.encoder.parts import (
    PICTURE,
    Parts,
    class_names,
    output_embedding,
    output_probabilities,
    pixel_input,
)
from edgefuse_tools.export.encoder.preprocessing import of_processor
from edgefuse_tools.export.encoder.resampling import resized_positions
from edgefuse_tools.export.encoder.transformer import Names, VisionTower, layer, patches, read_tower
from edgefuse_tools.export.errors import ExportError
from edgefuse_tools.export.graphs.graph import GraphBuilder
from edgefuse_tools.export.graphs.layers import attention, first_position
from edgefuse_tools.export.graphs.section import Section, layer_norm_of, linear_of

VIT_DEFAULTS = {
    "hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 12,
    "hidden_act": "gelu", "layer_norm_eps": 1e-12, "image_size": 224, "patch_size": 16,
}  # fmt: skip
DINOV2_DEFAULTS = {**VIT_DEFAULTS, "layer_norm_eps": 1e-6}
PREFIXES = {"vit": "vit.", "dinov2": "dinov2."}

_ATTENTION = "attention.attention"
NAMES = {
    "vit": Names(
        "layernorm_before", f"{_ATTENTION}.query", f"{_ATTENTION}.key", f"{_ATTENTION}.value", "attention.output.dense",
        "layernorm_after", "intermediate.dense", "output.dense",
    ),
    "dinov2": Names(
        "norm1", f"{_ATTENTION}.query", f"{_ATTENTION}.key", f"{_ATTENTION}.value", "attention.output.dense", "norm2",
        "mlp.fc1", "mlp.fc2", ("layer_scale1.lambda1", "layer_scale2.lambda1"),
    ),
}  # fmt: skip


def read_vit(folder: Path) -> Parts:
    """The picture graph of the ViT or DINOv2 in `folder`."""
    path, config, checkpoint = folder / "config.json", read_json(folder, "config.json"), Checkpoint.open(folder)
    kind = str(config["model_type"])
    if config.get("use_swiglu_ffn") or config.get("qkv_bias") is False:
        raise ExportError(f"{path}: SwiGLU layers, and attention without biases, are not supported")
    given = dict(config)
    if kind == "dinov2":
        given["intermediate_size"] = int(config.get("hidden_size", 768) * config.get("mlp_ratio", 4))
    tower = read_tower(path, {kind: given}, kind, DINOV2_DEFAULTS if kind == "dinov2" else VIT_DEFAULTS, VisionTower)
    w = Section(checkpoint, PREFIXES[kind] if f"{PREFIXES[kind]}embeddings.cls_token" in checkpoint else "")
    side = _side(folder, tower)
    labels = _labels(config) if kind == "vit" and "classifier.bias" in checkpoint else []
    if kind == "dinov2" and "classifier.bias" in checkpoint:
        raise ExportError(f"{path}: a DINOv2 with a classifier is not supported, only its features")
    fill = partial(picture_graph, w=w, tower=tower, kind=kind, side=side, classes=len(labels))
    details, files = class_names(labels) if labels else ({}, {})
    image = of_processor(folder, side, kind).section()
    return Parts(graphs={PICTURE: fill}, details={"image": image} | details, files=files)


def picture_graph(g: GraphBuilder, w: Section, tower: VisionTower, kind: str, side: int, classes: int) -> None:
    """`picture`: pixels to `embedding`, and `probabilities` if there are classes."""
    hidden, embeddings = tower.hidden_size, w.under("embeddings")
    stored = embeddings.tensor("position_embeddings", 1, tower.patches + 1, hidden)[0]
    positions = resized_positions(to_float32(stored), side // tower.patch_size)
    first = to_float32(embeddings.tensor("cls_token", 1, 1, hidden))[0, 0]
    x = patches(g, embeddings, tower, pixel_input(g, side, side), "patch_embeddings.projection", positions, first)

    def attend(query: str, key: str, value: str) -> str:
        return attention(g, query, key, value, tower.num_attention_heads, tower.head_dim)

    for number in range(tower.num_hidden_layers):
        x = layer(g, w.under(f"encoder.layer.{number}"), tower, NAMES[kind], x, attend)
    features = layer_norm_of(g, w, first_position(g, x), "layernorm", hidden, tower.layer_norm_eps)
    output_embedding(g, features, "pictures", hidden, normalised=False)
    if classes:
        logits = linear_of(g, Section(w.checkpoint), features, "classifier", classes, hidden)
        output_probabilities(g, logits, classes)


def _side(folder: Path, tower: VisionTower) -> int:
    """Side of the pictures: that of the crop, which may differ from image_size in DINOv2."""
    for name in ("preprocessor_config.json", "processor_config.json"):
        if (folder / name).is_file():
            given = read_json(folder, name)
            given = given.get("image_processor") or given
            crop = given.get("crop_size") if given.get("do_center_crop") else None
            if isinstance(crop, dict):
                crop = crop.get("height")
            if isinstance(crop, int) and crop % tower.patch_size == 0:
                return crop
    return tower.image_size


def _labels(config: dict[str, Any]) -> list[str]:
    labels = config.get("id2label") or {}
    return [str(labels[key]) for key in sorted(labels, key=int)]
