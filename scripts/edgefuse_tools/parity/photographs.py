"""Photographs from scikit-image and scikit-learn and crops of them, or, if these are not installed, the smaller copies
in the fixtures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from edgefuse_tools import ROOT

FIXTURES = ROOT / "tests/fixtures/blip"
FROM_SCIKIT_IMAGE = (
    "astronaut", "camera", "cat", "coffee", "rocket", "coins", "hubble_deep_field", "immunohistochemistry", "moon", "retina"
)  # fmt: skip
"""Names of `skimage.data`; their licences are in scikit-image's data/README.txt."""


def photographs() -> dict[str, Image.Image]:
    """Pictures by name, in RGB."""
    found = {}
    try:
        import skimage.data
        from sklearn.datasets import load_sample_images
    except ImportError:
        files = sorted(FIXTURES.glob("photo-*.png"))
        return {file.stem: Image.open(file).convert("RGB") for file in files if "rgba" not in file.stem}
    for name in FROM_SCIKIT_IMAGE:
        found[name] = Image.fromarray(np.asarray(getattr(skimage.data, name)())).convert("RGB")
    samples = load_sample_images()
    for file, pixels in zip(samples.filenames, samples.images):
        found[Path(file).stem] = Image.fromarray(pixels)
    return found


def with_cuts(pictures: dict[str, Image.Image], count: int) -> dict[str, Image.Image]:
    """`pictures` and crops of them, `count` in all: each picture in turn contributes one crop of a 4 x 4 grid, half its
    width and height."""
    found = dict(pictures)
    for number in range(16):
        # In steps of 7 through the grid, because neighbouring crops overlap.
        row, column = divmod(7 * number % 16, 4)
        for name, picture in pictures.items():
            if len(found) >= count:
                return found
            width, height = picture.size
            left, top = width * column // 8, height * row // 8
            found[f"{name}-{row}{column}"] = picture.crop((left, top, left + width // 2, top + height // 2))
    return found
