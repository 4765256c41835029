"""Whisper's weights under transformers' names, from a CTranslate2 or Hugging Face folder.

Every array is a view of the memory-mapped checkpoint in its own float type: nothing is read before a graph is written.
A linear layer's weight is [out, in].
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse_tools.export.checkpoints.checkpoint import Checkpoint, read_json
from edgefuse_tools.export.checkpoints.ctranslate2 import read_model_bin
from edgefuse_tools.export.errors import ExportError

Array = NDArray[Any]

CTRANSLATE2_MODEL = "model.bin"

_CTRANSLATE2_NAMES = {
    "embeddings/weight": "embed_tokens.weight",
    "position_encodings/encodings": "embed_positions.weight",
    "self_attention/layer_norm": "self_attn_layer_norm",
    "self_attention/linear_0": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "self_attention/linear_1": "self_attn.out_proj",
    "attention/layer_norm": "encoder_attn_layer_norm",
    "attention/linear_0": "encoder_attn.q_proj",
    "attention/linear_1": ("encoder_attn.k_proj", "encoder_attn.v_proj"),
    "attention/linear_2": "encoder_attn.out_proj",
    "ffn/layer_norm": "final_layer_norm",
    "ffn/linear_0": "fc1",
    "ffn/linear_1": "fc2",
}
"""Parts of names in CTranslate2 and in transformers; several names if CTranslate2 stacks the matrices."""

_CTRANSLATE2_LAYER = re.compile(r"(encoder|decoder)/(?:layer_(\d+)/)?(.+?)(?:/(weight|bias|gamma|beta))?")


class WhisperWeights:
    """Tensors by transformers' names, without their leading "model.", each with a known shape and a float type."""

    def __init__(self, checkpoint: Checkpoint, prefix: str, encoder_heads: int, decoder_heads: int) -> None:
        self.checkpoint = checkpoint
        self.rotation: Array | None = None
        """[hidden, hidden]: factor for the output of the encoder's convolutions (`rotated`)."""
        self._prefix = prefix
        self.encoder_heads = encoder_heads
        self.decoder_heads = decoder_heads
        self.vocab, self.hidden = self._sizes("decoder.embed_tokens.weight", 2)
        self.mels = self._sizes("encoder.conv1.weight", 3)[1]
        self.encoder_positions = self._sizes("encoder.embed_positions.weight", 2)[0]
        self.decoder_positions = self._sizes("decoder.embed_positions.weight", 2)[0]
        self.encoder_layers = self._count("encoder.layers.{}.fc1.weight")
        self.decoder_layers = self._count("decoder.layers.{}.fc1.weight")
        for heads in (encoder_heads, decoder_heads):
            if heads < 1 or self.hidden % heads:
                raise ExportError(f"{checkpoint.folder}: hidden size of {self.hidden} cannot have {heads} heads")

    def tensor(self, name: str, *shape: int) -> Array:
        """The tensor `name`, which must have this shape."""
        return self.checkpoint.weight(self._prefix + name, shape)

    def linear(
        self, name: str, outputs: int, inputs: int, *kernel: int, bias: bool = True
    ) -> tuple[Array, Array | None]:
        """The weight [outputs, inputs] (of a convolution [outputs, inputs, kernel]) and the bias [outputs]."""
        weight = self.tensor(f"{name}.weight", outputs, inputs, *kernel)
        return weight, self.tensor(f"{name}.bias", outputs) if bias else None

    def has_bias(self, name: str) -> bool:
        """Whether a layer has a bias: all but the keys of attention, and those too if a normalisation was folded in."""
        return not name.endswith(".k_proj") or self.rotation is not None

    def norm(self, name: str) -> tuple[Array, Array]:
        """The scale and the shift of a layer normalisation, both [hidden]."""
        return self.tensor(f"{name}.weight", self.hidden), self.tensor(f"{name}.bias", self.hidden)

    def inner_size(self, layer: str) -> int:
        """The width of a layer's feed-forward network."""
        return self._sizes(f"{layer}.fc1.weight", 2)[0]

    def changed(self, tensors: dict[str, Array], rotation: Array) -> WhisperWeights:
        """These weights with other `tensors`, by name, and a `rotation`."""
        stored = {name.removeprefix(self._prefix): self.checkpoint.raw(name) for name in self.checkpoint.names()}
        checkpoint = Checkpoint(self.checkpoint.folder, stored | tensors)
        weights = WhisperWeights(checkpoint, "", self.encoder_heads, self.decoder_heads)
        weights.rotation = rotation
        return weights

    def _sizes(self, name: str, rank: int) -> tuple[int, ...]:
        shape = self.checkpoint.raw(self._prefix + name).shape
        if len(shape) != rank:
            raise ExportError(
                f"{self.checkpoint.folder}: tensor {name} has shape {list(shape)}, expected {rank} dimensions"
            )
        return shape

    def _count(self, pattern: str) -> int:
        count = 0
        while self._prefix + pattern.format(count) in self.checkpoint:
            count += 1
        if count == 0:
            raise ExportError(f"{self.checkpoint.folder}: tensor {pattern.format(0)} is missing from the checkpoint")
        return count


def is_ctranslate2(folder: Path) -> bool:
    """Whether `folder` is a CTranslate2 folder; otherwise it should be a Hugging Face folder."""
    return (folder / CTRANSLATE2_MODEL).is_file()


def read_weights(folder: Path) -> WhisperWeights:
    """The weights of a CTranslate2 or Hugging Face folder."""
    if not folder.is_dir():
        raise ExportError(f"{folder}: no such folder; expected a CTranslate2 or Hugging Face folder of Whisper")
    if is_ctranslate2(folder):
        return read_ctranslate2(folder)
    if (folder / "config.json").is_file():
        return read_hugging_face(folder)
    raise ExportError(f"{folder}: neither {CTRANSLATE2_MODEL} (CTranslate2) nor config.json (Hugging Face) in it")


def read_ctranslate2(folder: Path) -> WhisperWeights:
    """The weights of a CTranslate2 folder (`model.bin`)."""
    checkpoint = read_model_bin(folder / CTRANSLATE2_MODEL, "WhisperSpec")
    if any(name.endswith("/weight_scale") for name in checkpoint.names()):
        raise ExportError(
            f"{folder / CTRANSLATE2_MODEL}: quantised to int8; expected float16, bfloat16 or float32 weights"
        )
    heads = [int(checkpoint.raw(f"{side}/num_heads")) for side in ("encoder", "decoder")]
    tensors: dict[str, Array] = {}
    for name in checkpoint.names():
        tensors.update(_renamed(name, checkpoint.raw(name)))
    return WhisperWeights(Checkpoint(folder, tensors), "", *heads)


def read_hugging_face(folder: Path) -> WhisperWeights:
    """The weights of a Hugging Face folder (`config.json` beside safetensors or PyTorch files)."""
    config = read_json(folder, "config.json")
    if config.get("model_type") != "whisper":
        raise ExportError(f"{folder / 'config.json'}: model_type is {config.get('model_type')!r}, expected 'whisper'")
    counts = [config.get(f"{side}_attention_heads") for side in ("encoder", "decoder")]
    heads = [count for count in counts if isinstance(count, int)]
    if len(heads) != len(counts):
        raise ExportError(f"{folder / 'config.json'}: encoder_attention_heads or decoder_attention_heads is missing")
    checkpoint = Checkpoint.open(folder)
    prefix = "" if "encoder.conv1.weight" in checkpoint else "model."
    return WhisperWeights(checkpoint, prefix, *heads)


def _renamed(name: str, array: Array) -> dict[str, Array]:
    """A CTranslate2 tensor under transformers' names: split if it is stacked, {} if transformers has none."""
    match = _CTRANSLATE2_LAYER.fullmatch(name)
    if match is None or array.ndim == 0:
        return {}
    side, layer, part, kind = match.groups()
    if f"{part}/{kind}" in _CTRANSLATE2_NAMES:
        part, kind = f"{part}/{kind}", None
    parts = _CTRANSLATE2_NAMES.get(part, part)
    start = f"{side}." if layer is None else f"{side}.layers.{layer}."
    end = {"gamma": ".weight", "beta": ".bias", "weight": ".weight", "bias": ".bias", None: ""}[kind]
    if isinstance(parts, str):
        return {f"{start}{parts}{end}": array}
    pieces = np.split(array, len(parts)) if len(array) % len(parts) == 0 else [array]
    return {f"{start}{piece_name}{end}": piece for piece_name, piece in zip(parts, pieces)}
