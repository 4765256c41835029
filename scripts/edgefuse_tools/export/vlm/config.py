"""Settings of SmolVLM and Idefics3: config.json and the image processor's file, with transformers' defaults.

References: transformers, models/smolvlm/ and models/idefics3/ (configuration, image and text processing).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgefuse_tools.export.checkpoints.checkpoint import read_json
from edgefuse_tools.export.encoder.transformer import VisionTower, read_tower
from edgefuse_tools.export.errors import ExportError
from edgefuse_tools.export.image_processor import RESAMPLING, read_image_processor
from edgefuse_tools.export.llm.config import LlmConfig
from edgefuse_tools.export.llm.hugging_face import config_of

MODEL_TYPES = ("smolvlm", "idefics3")

VISION_DEFAULTS = {
    "hidden_size": 1152, "intermediate_size": 3072, "num_hidden_layers": 12, "num_attention_heads": 16,
    "hidden_act": "gelu_pytorch_tanh", "layer_norm_eps": 1e-6, "image_size": 224, "patch_size": 32,
}  # fmt: skip
SCALE_FACTOR = 2

MOST_TILES_PER_SIDE = 8
"""Rows or columns that a picture is split into at most, as in src/config/model_folder/vlm.rs."""

LARGEST_SIDE = 4096
"""MAX_IMAGE_SIZE of the image processors."""

_HALF = [0.5, 0.5, 0.5]
PROCESSOR = {
    "resample": RESAMPLING.index("lanczos"),
    "image_mean": _HALF,
    "image_std": _HALF,
    "size": {"longest_edge": 4 * 364},
    "max_image_size": {"longest_edge": 364},
    "do_image_splitting": True,
}

IMAGE, AROUND, WHOLE = "<image>", "<fake_token_around_image>", "<global-img>"
"""Tokens of the processor: one row of a picture, around the rows of a tile, before those of the whole picture."""


@dataclass(frozen=True)
class VlmConfig:
    text: LlmConfig
    vision: VisionTower
    scale_factor: int
    """Rows and columns of patches that become one row for the language model."""
    image: dict[str, Any]
    """The section of that name in model.yaml."""
    image_token: int

    @property
    def rows_per_tile(self) -> int:
        """`image_seq_len` of the processor."""
        return self.vision.patches // self.scale_factor**2


def load_config(folder: Path, context: int | None) -> VlmConfig:
    """Reads config.json and the image processor's file; `context` is the wanted number of positions, if any."""
    path, given = folder / "config.json", read_json(folder, "config.json")
    if given.get("model_type") not in MODEL_TYPES:
        known = ", ".join(MODEL_TYPES)
        raise ExportError(f"{path}: model_type is {given.get('model_type')!r}; this exporter supports {known}")
    text = given.get("text_config")
    if not isinstance(text, dict):
        raise ExportError(f"{path}: no text_config")
    for key in ("qk_layer_norms", "use_resampler"):
        if text.get(key):
            raise ExportError(f"{path}: text_config.{key} is set, which this exporter does not support")
    vision = read_tower(path, given, "vision_config", VISION_DEFAULTS, VisionTower)
    scale = given.get("scale_factor", SCALE_FACTOR)
    if type(scale) is not int or scale < 1:
        raise ExportError(f"{path}: scale_factor is {scale!r}; expected a positive number")
    side = vision.image_size // max(vision.patch_size, 1)
    if vision.patch_size < 1 or side < 1 or side % scale:
        raise ExportError(
            f"{path}: a picture of {vision.image_size} pixels has {side} patches of {vision.patch_size} on a side, "
            f"which is no multiple of scale_factor {scale}"
        )
    if not _in_order(side):
        raise ExportError(f"{path}: {side} patches on a side, whose positions transformers does not compute exactly")
    token = given.get("image_token_id")
    if type(token) is not int:
        raise ExportError(f"{path}: image_token_id is {token!r}; expected a token id")
    return VlmConfig(
        text=config_of(path, {"model_type": "llama", **text}, context),
        vision=vision,
        scale_factor=scale,
        image=_image(folder, vision.image_size),
        image_token=token,
    )


def _in_order(side: int) -> bool:
    """Whether patch n of a side has position n. transformers finds it by a division and a comparison in float32, which for
    some sides is one too low, on some processors; those of the known checkpoints are exact: 26, 27, 32."""
    boundaries = np.arange(1, side) * (1 / side)
    places = np.minimum(np.arange(side, dtype=np.float32) * np.float32(1 / side), np.float32(1.0 - 1e-6))
    found = np.searchsorted(boundaries.astype(np.float32), places, side="right")
    return bool((found == np.arange(side)).all())


def _image(folder: Path, side: int) -> dict[str, Any]:
    """The `image` section of model.yaml for tiles of `side` pixels."""
    path, given = read_image_processor(folder, PROCESSOR)
    if not given["do_image_splitting"]:
        raise ExportError(
            f"{path}: do_image_splitting is false: pictures would be of any size; set it to true if the model was "
            "trained on split pictures"
        )
    longest, tile = (_longest_edge(path, key, given[key]) for key in ("size", "max_image_size"))
    if tile != side:
        raise ExportError(f"{path}: max_image_size is {tile}, but config.json has image_size {side}")
    if not 1 <= longest <= min(LARGEST_SIDE, MOST_TILES_PER_SIDE * side):
        raise ExportError(
            f"{path}: size.longest_edge is {longest}; expected 1 to {min(LARGEST_SIDE, MOST_TILES_PER_SIDE * side)}"
        )
    return {
        "width": side,
        "height": side,
        "split": {"longest_side": longest},
        "resample": RESAMPLING[given["resample"]],
        "rescale": float(given.get("rescale_factor", 1 / 255)),
        "mean": [float(value) for value in given["image_mean"]],
        "std": [float(value) for value in given["image_std"]],
    }


def _longest_edge(path: Path, key: str, value: Any) -> int:
    edge = value.get("longest_edge") if isinstance(value, dict) else None
    if type(edge) is not int:
        raise ExportError(f"{path}: {key} is {value!r}; expected longest_edge, a number of pixels")
    return edge
