"""Drawing pictures in the style of easy-VQA: one filled shape on a light background.

Shapes are drawn at twice the size without anti-aliasing and halved with a bilinear filter, which reproduces the
soft edges of the data set's own pictures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from edgefuse_tools.easyvqa.labels import COLOR_NAMES, COLORS, SHAPES

SIZE = 64  # pixels, side of a picture
_SCALE = 2  # drawn this much larger, then halved
_CANVAS = SIZE * _SCALE
_SMALLEST = _CANVAS // 8
_LARGEST = _CANVAS // 2
_LIGHTEST_BACKGROUND = 256
_DARKEST_BACKGROUND = 230
_TRIANGLE_HEIGHT = math.sqrt(3.0) / 2.0  # of an equilateral triangle with side 1
_PALETTE = np.array([COLORS[name] for name in COLOR_NAMES], dtype=np.float32)


@dataclass(frozen=True)
class Pictures:
    """A batch of pictures with their labels.

    images: [n, 64, 64, 3] uint8 RGB
    shapes: [n] int64, index into ``SHAPES``
    colors: [n] int64, index into ``COLOR_NAMES``
    """

    images: np.ndarray
    shapes: np.ndarray
    colors: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def take(self, index: np.ndarray | slice) -> Pictures:
        """The pictures at ``index``."""
        return Pictures(self.images[index], self.shapes[index], self.colors[index])


def concatenate(*parts: Pictures) -> Pictures:
    """Several batches as one."""
    return Pictures(
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.shapes for part in parts]),
        np.concatenate([part.colors for part in parts]),
    )


def draw(rng: np.random.Generator, count: int) -> Pictures:
    """Draws ``count`` pictures: shape, colour, position, size and background uniformly from ``rng``."""
    shapes = rng.integers(len(SHAPES), size=count)
    colors = rng.integers(len(COLOR_NAMES), size=count)
    backgrounds = rng.integers(_DARKEST_BACKGROUND, _LIGHTEST_BACKGROUND, size=(count, 1, 1, 3)).astype(np.float32)
    inside = np.stack([_coverage(rng, SHAPES[shape]) for shape in shapes])[..., None].astype(np.float32) / 255.0
    fills = _PALETTE[colors][:, None, None, :]
    images = np.rint(backgrounds + (fills - backgrounds) * inside).astype(np.uint8)
    return Pictures(images, shapes, colors)


def _coverage(rng: np.random.Generator, shape: str) -> np.ndarray:
    """Coverage of each pixel by the shape: [64, 64] uint8, 255 inside."""
    canvas = Image.new("L", (_CANVAS, _CANVAS), 0)
    pen = ImageDraw.Draw(canvas)
    side = _between(rng, _SMALLEST, _LARGEST)
    if shape == "rectangle":
        height = _between(rng, _SMALLEST, _LARGEST)
        left, top = _between(rng, 0, _CANVAS - side), _between(rng, 0, _CANVAS - height)
        pen.rectangle((left, top, left + side, top + height), fill=255)
    elif shape == "circle":
        left, top = _between(rng, 0, _CANVAS - side), _between(rng, 0, _CANVAS - side)
        pen.ellipse((left, top, left + side, top + side), fill=255)
    elif shape == "triangle":
        left, base = _between(rng, side, _CANVAS - side), _between(rng, side, _CANVAS - side)
        apex = (left + side / 2.0, base - side * _TRIANGLE_HEIGHT)
        pen.polygon([(left, base), (left + side, base), apex], fill=255)
    else:
        raise ValueError(f"unknown shape {shape!r}, expected one of {SHAPES}")
    return np.asarray(canvas.resize((SIZE, SIZE), Image.Resampling.BILINEAR))


def _between(rng: np.random.Generator, low: int, high: int) -> int:
    """A whole number from ``low`` to ``high``, both included."""
    return int(rng.integers(low, high + 1))


def shape_mask(images: np.ndarray) -> np.ndarray:
    """Coverage of each pixel by the shape, estimated from the picture: [n, 64, 64] float32 in 0..1.

    Every colour of the data set has one channel far below the background's, so the darkest channel separates
    shape from background for all colours.
    """
    darkest = images.min(axis=3).astype(np.float32)
    background = darkest.max(axis=(1, 2), keepdims=True)
    fill = darkest.min(axis=(1, 2), keepdims=True)
    return (background - darkest) / np.maximum(background - fill, 1.0)
