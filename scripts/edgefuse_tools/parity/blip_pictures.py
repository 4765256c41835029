"""The pictures of the preprocessing fixtures: small PNGs of every mode, made from scikit-image's sample photographs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image


def make_pictures(folder: Path) -> None:
    """Writes missing pictures. Sizes are odd and not square, so that a swapped axis shows."""
    makers: dict[str, Callable[[], Image.Image]] = {
        "photo-rgb.png": lambda: _sample("chelsea", (149, 103)),
        "photo-gray.png": lambda: _sample("camera", (91, 120)).convert("L"),
        "photo-rgba.png": lambda: _with_alpha(_sample("coffee", (75, 52))),
        "photo-palette.png": lambda: _sample("coffee", (83, 61)).quantize(32),
        "palette-transparent.png": lambda: _with_transparent_entry(_sample("chelsea", (40, 56)).quantize(16)),
        "gray-alpha.png": lambda: _with_alpha(_sample("camera", (38, 30)).convert("L")),
        "one-pixel.png": lambda: Image.new("RGB", (1, 1), (200, 10, 60)),
    }
    for name, make in makers.items():
        if not (folder / name).is_file():
            make().save(folder / name, optimize=True)


def _sample(name: str, size: tuple[int, int]) -> Image.Image:
    """A sample photograph at `size`, (width, height) in pixels."""
    import skimage.data  # imported here: the pictures are committed, so nothing else needs it

    return Image.fromarray(getattr(skimage.data, name)()).resize(size, Image.Resampling.LANCZOS)


def _with_alpha(picture: Image.Image) -> Image.Image:
    """The picture with alpha rising from 0 at the left to 255 at the right."""
    width, height = picture.size
    alpha = np.tile(np.linspace(0, 255, width).round().astype(np.uint8), (height, 1))
    picture.putalpha(Image.fromarray(alpha))
    return picture


def _with_transparent_entry(picture: Image.Image) -> Image.Image:
    """The palette picture with one entry transparent."""
    picture.info["transparency"] = 3
    return picture
