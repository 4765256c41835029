"""Frequencies of the rotary position embedding. Reference: transformers, modeling_rope_utils.py."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefuse_tools.export.errors import ExportError

TYPES = ("default", "linear", "llama3")


@dataclass(frozen=True)
class Rotary:
    """The angle per position of each pair of a head: half its size."""

    frequencies: tuple[float, ...]

    def tables(self, positions: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Cosines and sines, float32 [positions, head_dim / 2]."""
        angles = np.outer(np.arange(positions, dtype=np.float32), np.array(self.frequencies, dtype=np.float32))
        return np.cos(angles), np.sin(angles)


def rotary(head_dim: int, base: float, scaling: Mapping[str, Any], place: str) -> Rotary:
    """`scaling` is `rope_scaling` or `rope_parameters` of a config.json; empty for none."""
    kind = scaling.get("rope_type", scaling.get("type", "default")) or "default"
    if kind not in TYPES:
        raise ExportError(f"{place}: rotary embedding of type {kind!r}; this exporter supports {', '.join(TYPES)}")
    if scaling.get("partial_rotary_factor", 1) not in (None, 1):
        raise ExportError(f"{place}: only a part of each head is rotated, which this exporter does not support")
    if not (isinstance(base, (int, float)) and base > 0):
        raise ExportError(f"{place}: the base of the rotary embedding is {base!r}, not a positive number")
    # In float32, as transformers computes them.
    exponents = np.arange(0, head_dim, 2, dtype=np.float32) / np.float32(head_dim)
    frequencies = (1.0 / np.float32(base) ** exponents).astype(np.float32)
    try:
        if kind == "linear":
            frequencies = frequencies / np.float32(scaling["factor"])
        elif kind == "llama3":
            frequencies = _llama3(frequencies, scaling)
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise ExportError(f"{place}: the scaling of the rotary embedding is incomplete ({error!r})") from error
    return Rotary(tuple(float(value) for value in frequencies))


def divided(base: Rotary, factors: NDArray[Any]) -> Rotary:
    """With each frequency over its factor, as GGUF stores Llama 3's scaling."""
    return Rotary(tuple(float(value) for value in np.array(base.frequencies, np.float32) / factors))


def _llama3(frequencies: NDArray[Any], scaling: Mapping[str, Any]) -> NDArray[Any]:
    """Low frequencies over `factor`, high ones unchanged, and a mixture between."""
    factor, low, high = (float(scaling[key]) for key in ("factor", "low_freq_factor", "high_freq_factor"))
    original = float(scaling["original_max_position_embeddings"])
    waves = 2 * math.pi / frequencies
    smooth = (original / waves - low) / (high - low)
    mixed = (1 - smooth) * frequencies / factor + smooth * frequencies
    scaled = np.where(waves > original / low, frequencies / factor, mixed)
    return np.where(waves < original / high, frequencies, scaled).astype(np.float32)
