"""Simulates a colour sensor (such as a TCS34725 held over the shape) from the colour of the picture's shape.

A reading is (red, green, blue, clear), each the count of a photodiode divided by its full scale, 0..1 without a unit.
It is linear in the light: sRGB is converted first.
"""

from __future__ import annotations

import numpy as np

from edgefuse_tools.easyvqa.labels import COLOR_NAMES, COLORS

READINGS: tuple[str, ...] = ("red", "green", "blue", "clear")
#: Shares of red, green and blue light that each filter passes: they overlap, and clear passes all.
_FILTERS = np.array([[0.80, 0.12, 0.04], [0.10, 0.72, 0.14], [0.05, 0.15, 0.70], [0.34, 0.36, 0.30]])
_ILLUMINATION = (0.55, 1.0)  # relative to the light that brings a white surface to full scale
_WHITE_BALANCE = 0.05  # standard deviation of each colour of the light, relative
_STRAY = (0.0, 0.04)  # light that does not come from the shape
_NOISE = 0.008  # standard deviation


def read(rng: np.random.Generator, colors: np.ndarray) -> np.ndarray:
    """One reading of each shape: [n, 4] float32 in 0..1; ``colors`` [n] int64, index into ``COLOR_NAMES``."""
    light = rng.uniform(*_ILLUMINATION, size=(len(colors), 1)) * rng.normal(1.0, _WHITE_BALANCE, size=(len(colors), 3))
    readings = (_REFLECTED[colors] * light) @ _FILTERS.T + rng.uniform(*_STRAY, size=(len(colors), 1))
    return np.clip(readings + rng.normal(scale=_NOISE, size=readings.shape), 0.0, 1.0).astype(np.float32)


def _linear(srgb: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1, from 0..1 to 0..1."""
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


_REFLECTED = _linear(np.array([COLORS[name] for name in COLOR_NAMES]) / 255.0)
