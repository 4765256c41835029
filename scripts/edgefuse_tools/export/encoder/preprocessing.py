"""The `image` section of model.yaml."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgefuse_tools.export.errors import ExportError
from edgefuse_tools.export.image_processor import CLIP_MEAN, CLIP_STD, RESAMPLING, read_image_processor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
"""Of torchvision's and timm's classifiers, red, green, blue; `image_mean` and `image_std` of most image processors."""


_BILINEAR, _BICUBIC = RESAMPLING.index("bilinear"), RESAMPLING.index("bicubic")
_HALF = [0.5, 0.5, 0.5]
_CLIP = {
    "do_center_crop": True,
    "size": {"shortest_edge": 224},
    "crop_size": 224,
    "resample": _BICUBIC,
    "image_mean": CLIP_MEAN,
    "image_std": CLIP_STD,
}
DEFAULTS: dict[str, dict[str, Any]] = {
    "clip": _CLIP,
    # Its folders name BitImageProcessor.
    "dinov2": _CLIP,
    "siglip": {"size": 224, "resample": _BICUBIC, "image_mean": _HALF, "image_std": _HALF},
    "vit": {"size": 224, "resample": _BILINEAR, "image_mean": _HALF, "image_std": _HALF},
}
"""Settings of transformers' image processors, by model type."""


@dataclass(frozen=True)
class Preprocessing:
    """What happens to a picture before the graph: resized with a filter of Pillow, `(sample * rescale - mean) / std`."""

    side: int
    """Width and height of the graph's input."""
    shorter_side: int | None = None
    """Length that the shorter side is resized to before the centre is cut out; if None, the picture is stretched."""
    resample: str = "bilinear"
    rescale: float = 1 / 255
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    rounding: str = "even"
    """How half a pixel is rounded when the centre is cut out: `even` (torchvision) or `down` (transformers)."""

    def section(self) -> dict[str, Any]:
        crop = {} if self.shorter_side is None else {"shorter_side": self.shorter_side, "rounding": self.rounding}
        return {
            "width": self.side,
            "height": self.side,
            **({"crop": crop} if crop else {}),
            "resample": self.resample,
            "rescale": self.rescale,
            "mean": list(self.mean),
            "std": list(self.std),
        }


def of_processor(folder: Path, side: int, kind: str) -> Preprocessing:
    """The settings of preprocessor_config.json (or of transformers 5's processor_config.json) in `folder`, for a graph
    whose input is `side` pixels wide and high; what they omit is as in the processor of the model type `kind`."""
    path, given = read_image_processor(folder, DEFAULTS[kind])
    size = given.get("size", side)
    crop = given.get("crop_size", side) if given.get("do_center_crop") else None
    shorter = None
    if isinstance(size, dict) and "shortest_edge" in size:
        shorter = size["shortest_edge"]
        if crop is None:
            raise ExportError(f"{path}: size is {size} without do_center_crop: pictures would have different sizes")
    elif size not in (side, {"height": side, "width": side}):
        raise ExportError(f"{path}: size is {size}, but config.json has image_size {side}")
    # A stretched picture of the right size has no edges to cut off.
    if shorter is not None and crop not in (side, {"height": side, "width": side}):
        raise ExportError(f"{path}: crop_size is {crop}, but the graph is built for {side} pixels")
    return Preprocessing(
        side=side,
        shorter_side=shorter,
        resample=RESAMPLING[given["resample"]],
        rescale=float(given.get("rescale_factor", 1 / 255)),
        mean=tuple(map(float, given["image_mean"])),
        std=tuple(map(float, given["image_std"])),
        rounding="down",
    )
