"""BLIP's settings in config.json and the image processor's file, validated, with the class defaults.

Defaults: transformers' BlipVisionConfig, BlipTextConfig and BlipImageProcessor; a config.json lists only differences.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgefuse_tools.export.checkpoints.checkpoint import read_json
from edgefuse_tools.export.errors import ExportError
from edgefuse_tools.export.graphs.activations import ACTIVATIONS
from edgefuse_tools.export.image_processor import CLIP_MEAN, CLIP_STD, RESAMPLING, read_image_processor

# Supported architectures by task: the name under "architectures" in config.json.
CAPTION = "BlipForConditionalGeneration"
VQA = "BlipForQuestionAnswering"
RETRIEVAL = "BlipForImageTextRetrieval"


@dataclass(frozen=True)
class VisionConfig:
    """The vision transformer. Sizes in pixels."""

    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    image_size: int
    patch_size: int
    hidden_act: str
    layer_norm_eps: float

    @property
    def tokens(self) -> int:
        """Rows of image_embeds: the class token and one per patch."""
        return (self.image_size // self.patch_size) ** 2 + 1


@dataclass(frozen=True)
class TextConfig:
    """The text encoder and the text decoder, which have the same shape."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    max_position_embeddings: int
    hidden_act: str
    layer_norm_eps: float
    bos_token_id: int
    pad_token_id: int
    sep_token_id: int

    @property
    def head_dim(self) -> int:
        return self.hidden_size // self.num_attention_heads


@dataclass(frozen=True)
class BlipConfig:
    vision: VisionConfig
    text: TextConfig
    image_text_hidden_size: int
    """Size of the joint embeddings of pictures and texts."""


VISION_DEFAULTS = VisionConfig(768, 3072, 12, 12, 384, 16, "gelu", 1e-5)
TEXT_DEFAULTS = TextConfig(30524, 768, 3072, 12, 8, 512, "gelu", 1e-12, 30522, 0, 102)
IMAGE_TEXT_HIDDEN_SIZE = 256


def load_config(folder: Path, architecture: str) -> BlipConfig:
    """Reads the folder's config.json, which must be of `architecture`."""
    path = folder / "config.json"
    config = read_json(folder, "config.json")
    found = config.get("architectures") or []
    if config.get("model_type") != "blip":
        raise ExportError(f"{path}: model_type is {config.get('model_type')!r}; this exporter supports 'blip'")
    if architecture not in found:
        raise ExportError(f"{path}: architectures is {found}; expected {architecture}")
    vision = VisionConfig(**config_fields(path, config, "vision_config", asdict(VISION_DEFAULTS)))
    text = TextConfig(**config_fields(path, config, "text_config", asdict(TEXT_DEFAULTS)))
    embedding = config.get("image_text_hidden_size", IMAGE_TEXT_HIDDEN_SIZE)
    if type(embedding) is not int or embedding < 1:
        raise ExportError(f"{path}: image_text_hidden_size is {embedding!r}; expected a number of at least 1")
    for part, values in (("vision_config", vision), ("text_config", text)):
        size, heads = values.hidden_size, values.num_attention_heads
        if heads < 1 or size % heads:
            raise ExportError(f"{path}: {part}: hidden_size {size} is not a multiple of num_attention_heads {heads}")
        if values.hidden_act not in ACTIVATIONS:
            known = ", ".join(ACTIVATIONS)
            raise ExportError(f"{path}: {part}: hidden_act is {values.hidden_act!r}; this exporter supports {known}")
    if vision.patch_size < 1 or vision.image_size % vision.patch_size:
        raise ExportError(
            f"{path}: vision_config: image_size {vision.image_size} is not a multiple of patch_size {vision.patch_size}"
        )
    return BlipConfig(vision, text, embedding)


def config_fields(path: Path, config: dict[str, Any], part: str, defaults: dict[str, Any]) -> dict[str, Any]:
    """The fields named in `defaults`, from one part of config.json, with the types of the defaults."""
    given = config.get(part) or {}
    values = {}
    for name, default in defaults.items():
        value = given.get(name, default)
        if isinstance(default, float) and isinstance(value, int):
            value = float(value)
        if type(value) is not type(default):
            raise ExportError(f"{path}: {part}.{name} is {value!r}; expected a {type(default).__name__}")
        values[name] = value
    return values


def load_image_settings(folder: Path, image_size: int) -> dict[str, Any]:
    """The `image` section of model.yaml from preprocessor_config.json (or transformers 5's processor_config.json)."""
    side = {"height": 384, "width": 384}
    defaults = {"size": side, "resample": RESAMPLING.index("bicubic"), "image_mean": CLIP_MEAN, "image_std": CLIP_STD}
    path, given = read_image_processor(folder, defaults)
    size = given["size"]
    if isinstance(size, int):
        size = {"height": size, "width": size}
    if size != {"height": image_size, "width": image_size}:
        raise ExportError(f"{path}: size is {size}, but config.json has image_size {image_size}")
    return {
        "width": image_size,
        "height": image_size,
        "resample": RESAMPLING[given["resample"]],
        "rescale": float(given.get("rescale_factor", 1 / 255)),
        "mean": [float(value) for value in given["image_mean"]],
        "std": [float(value) for value in given["image_std"]],
    }
