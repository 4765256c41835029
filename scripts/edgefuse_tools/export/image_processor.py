"""transformers' settings of image preprocessing, as BLIP's exporters and that of encoders read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgefuse_tools.export.checkpoints.checkpoint import read_json
from edgefuse_tools.export.errors import ExportError

# Values of "resample": PIL.Image.Resampling.
RESAMPLING = ["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"]

# OPENAI_CLIP_MEAN and OPENAI_CLIP_STD: red, green, blue.
CLIP_MEAN = [0.48145466, 0.4578275, 0.40821073]
CLIP_STD = [0.26862954, 0.26130258, 0.27577711]


def read_image_processor(folder: Path, defaults: dict[str, Any]) -> tuple[Path, dict[str, Any]]:
    """The file in `folder` and its settings, over the `defaults` of the model's processor: preprocessor_config.json, or
    transformers 5's processor_config.json. A step that is left out, and nearest-pixel resizing, are errors."""
    path = folder / "preprocessor_config.json"
    if path.is_file():
        given = read_json(folder, path.name)
    elif (folder / "processor_config.json").is_file():
        path = folder / "processor_config.json"
        given = read_json(folder, path.name).get("image_processor") or {}
    else:
        raise ExportError(f"{path}: no such file; the checkpoint does not specify its image preprocessing")
    given = defaults | given
    for step in ("do_resize", "do_rescale", "do_normalize"):
        if not given.get(step, True):
            raise ExportError(f"{path}: {step} is false; only resized, rescaled and normalised pictures are supported")
    resample = given["resample"]
    if resample not in range(1, len(RESAMPLING)):
        # edgefuse has no nearest-pixel resizing.
        raise ExportError(f"{path}: resample is {resample!r}; expected a value of PIL.Image.Resampling, 1 to 5")
    return path, given
