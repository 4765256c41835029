"""Tiny BLIP checkpoints, written with numpy alone, for tests without the reference implementation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edgefuse_tools.parity.safetensors_writer import write_safetensors

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"a the what color is red blue circle ? ##s".split()]
VISION = {"hidden_size": 12, "intermediate_size": 20, "num_hidden_layers": 2, "num_attention_heads": 3}
VISION |= {"image_size": 16, "patch_size": 8}
TEXT = {"hidden_size": 12, "intermediate_size": 18, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 17}
TEXT |= {"max_position_embeddings": 24, "bos_token_id": 15, "sep_token_id": 3, "pad_token_id": 0}
TASKS = {"caption": "BlipForConditionalGeneration", "vqa": "BlipForQuestionAnswering"}

Tensors = dict[str, np.ndarray]


def tiny_tensors(task: str, seed: int = 0) -> Tensors:
    """Every tensor of the checkpoint. The vision part depends only on the seed and is the same for both tasks."""
    random = np.random.default_rng(seed)
    shapes = [*_vision_shapes(), *(_vqa_shapes() if task == "vqa" else _decoder_shapes())]
    return {name: random.normal(0, 0.3, shape).astype(np.float32) for name, shape in shapes}


def write_checkpoint(folder: Path, task: str, tensors: Tensors, **changes: dict[str, Any]) -> Path:
    """Writes the folder of `tensors`; `changes` are fields of config.json, of its vision_config or its text_config."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {"model_type": "blip", "architectures": [TASKS[task]]} | changes.get("config", {})
    config["vision_config"] = VISION | changes.get("vision_config", {})
    config["text_config"] = TEXT | changes.get("text_config", {})
    (folder / "config.json").write_text(json.dumps(config))
    size = config["vision_config"]["image_size"]
    (folder / "preprocessor_config.json").write_text(json.dumps({"size": {"height": size, "width": size}}))
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n")
    write_safetensors(folder / "model.safetensors", tensors)
    return folder


def _linear(name: str, out_size: int, in_size: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (out_size, in_size)
    yield f"{name}.bias", (out_size,)


def _norm(name: str, size: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (size,)
    yield f"{name}.bias", (size,)


def _vision_shapes() -> Iterator[tuple[str, tuple[int, ...]]]:
    hidden, patch = VISION["hidden_size"], VISION["patch_size"]
    part = "vision_model.embeddings"
    yield f"{part}.class_embedding", (1, 1, hidden)
    yield f"{part}.position_embedding", (1, (VISION["image_size"] // patch) ** 2 + 1, hidden)
    yield f"{part}.patch_embedding.weight", (hidden, 3, patch, patch)
    yield f"{part}.patch_embedding.bias", (hidden,)
    for layer in range(VISION["num_hidden_layers"]):
        part = f"vision_model.encoder.layers.{layer}"
        yield from _norm(f"{part}.layer_norm1", hidden)
        yield from _linear(f"{part}.self_attn.qkv", 3 * hidden, hidden)
        yield from _linear(f"{part}.self_attn.projection", hidden, hidden)
        yield from _norm(f"{part}.layer_norm2", hidden)
        yield from _linear(f"{part}.mlp.fc1", VISION["intermediate_size"], hidden)
        yield from _linear(f"{part}.mlp.fc2", hidden, VISION["intermediate_size"])
    yield from _norm("vision_model.post_layernorm", hidden)


def _bert_shapes(part: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    hidden = TEXT["hidden_size"]
    yield f"{part}.embeddings.word_embeddings.weight", (TEXT["vocab_size"], hidden)
    yield f"{part}.embeddings.position_embeddings.weight", (TEXT["max_position_embeddings"], hidden)
    yield from _norm(f"{part}.embeddings.LayerNorm", hidden)
    for index in range(TEXT["num_hidden_layers"]):
        layer = f"{part}.encoder.layer.{index}"
        for attention, source in (("attention", hidden), ("crossattention", VISION["hidden_size"])):
            yield from _linear(f"{layer}.{attention}.self.query", hidden, hidden)
            yield from _linear(f"{layer}.{attention}.self.key", hidden, source)
            yield from _linear(f"{layer}.{attention}.self.value", hidden, source)
            yield from _linear(f"{layer}.{attention}.output.dense", hidden, hidden)
            yield from _norm(f"{layer}.{attention}.output.LayerNorm", hidden)
        yield from _linear(f"{layer}.intermediate.dense", TEXT["intermediate_size"], hidden)
        yield from _linear(f"{layer}.output.dense", hidden, TEXT["intermediate_size"])
        yield from _norm(f"{layer}.output.LayerNorm", hidden)


def _decoder_shapes() -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from _bert_shapes("text_decoder.bert")
    head = "text_decoder.cls.predictions"
    yield from _linear(f"{head}.transform.dense", TEXT["hidden_size"], TEXT["hidden_size"])
    yield from _norm(f"{head}.transform.LayerNorm", TEXT["hidden_size"])
    yield f"{head}.bias", (TEXT["vocab_size"],)


def _vqa_shapes() -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from _bert_shapes("text_encoder")
    yield from _decoder_shapes()
