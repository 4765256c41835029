"""Reference arrays for tests in another language: a raw little-endian float32 file, and JSON with references into
it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np


class FixtureFile:
    """Collects arrays for `NAME.f32`; the caller puts the references into `NAME.json`."""

    def __init__(self) -> None:
        self._parts: list[np.ndarray] = []
        self._length = 0

    def add(self, array: np.ndarray, stride: int = 1) -> dict[str, Any]:
        """Keeps every `stride`-th value of the flattened array.

        Returns {offset, count, stride, shape}: values[offset + k] is element k * stride of the array of that shape.
        """
        values = np.ascontiguousarray(array, "<f4").reshape(-1)[::stride]
        reference = {"offset": self._length, "count": len(values), "stride": stride, "shape": list(array.shape)}
        self._parts.append(values)
        self._length += len(values)
        return reference

    def write(self, folder: Path, name: str, content: dict[str, Any]) -> int:
        """Writes `NAME.f32` and `NAME.json`; returns their size in bytes."""
        values, text = folder / f"{name}.f32", folder / f"{name}.json"
        values.write_bytes(np.concatenate(self._parts).tobytes())
        text.write_text(json.dumps(content, ensure_ascii=False) + "\n", "utf-8")
        return values.stat().st_size + text.stat().st_size
