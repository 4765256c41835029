"""The weights of graphs in a file beside them, which ONNX Runtime maps into memory.

Each is turned into contiguous little-endian float32 when its turn comes, so that an export needs little more memory than
its largest tensor.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto

from export.checkpoint import to_float32

EXTERNAL_FROM_BYTES = 1024
"""Weights from this size on go to the external file; below it the reference would cost as much as the value."""

EXTERNAL_ALIGNMENT = 4096
"""ONNX Runtime maps external weights into memory; on a page boundary no two of them share a page."""


class WeightFile:
    """The file with the weights of one graph, or of several that share them: each weight stands there once, by its name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stream = path.open("xb")
        self._written: dict[str, TensorProto] = {}

    def tensor(self, name: str, array: NDArray[Any]) -> TensorProto:
        """The weight as an initializer, small ones inside it; the others are written when they first come."""
        if name not in self._written:
            self._written[name] = self._write(name, array)
        return self._written[name]

    def close(self) -> bool:
        """Ends the file; it is there only if a weight was large enough for it, which is what this tells."""
        self._stream.close()
        there = self.path.stat().st_size > 0
        if not there:
            self.path.unlink()
        return there

    def _write(self, name: str, array: NDArray[Any]) -> TensorProto:
        values = np.ascontiguousarray(to_float32(array), dtype="<f4").reshape(array.shape)
        if values.nbytes < EXTERNAL_FROM_BYTES:
            return onnx.numpy_helper.from_array(values, name)
        self._stream.write(bytes(-self._stream.tell() % EXTERNAL_ALIGNMENT))
        tensor = TensorProto(name=name, data_type=TensorProto.FLOAT, dims=values.shape)
        tensor.data_location = TensorProto.EXTERNAL
        place = {"location": self.path.name, "offset": str(self._stream.tell()), "length": str(values.nbytes)}
        for entry, value in place.items():
            tensor.external_data.add(key=entry, value=value)
        self._stream.write(values.data)
        return tensor
