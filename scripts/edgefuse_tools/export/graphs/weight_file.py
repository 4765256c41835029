"""External weights file of graphs, which ONNX Runtime maps into memory.

Each weight is converted to contiguous little-endian values when it is written, so that an export needs little more
memory than its largest tensor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from edgefuse_tools.export.checkpoints.checkpoint import to_float32

Array = NDArray[Any]

EXTERNAL_FROM_BYTES = 1024
"""Minimum size of weights in the external file: for smaller ones the reference would be as large as the value."""

EXTERNAL_ALIGNMENT = 4096
"""Page boundary, so that no two mapped weights share a page."""


@dataclass(frozen=True)
class Weight:
    """A weight that is not yet written."""

    name: str
    array: Array
    """A view of any float type."""
    encode: Callable[[Array], Array] = to_float32
    """Converts it to the stored values."""
    same_as: str | None = None
    """Name of a weight with the same values, whose place in the file this one shares."""

    @property
    def stands_in(self) -> str:
        """Name of the weight that is written."""
        return self.same_as or self.name


class WeightFile:
    """The weights of one graph, or of several that share them: each weight is stored once, by name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._stream = path.open("xb")
        self._written: dict[str, TensorProto] = {}

    def tensor(self, weight: Weight) -> TensorProto:
        """The weight as an initializer; small ones are inline, the others are written to the file on first use."""
        if weight.stands_in not in self._written:
            self._written[weight.stands_in] = self._write(weight)
        tensor = TensorProto()
        tensor.CopyFrom(self._written[weight.stands_in])
        tensor.name = weight.name
        return tensor

    def close(self) -> bool:
        """Closes the file; returns whether it exists, that is, whether a weight was large enough for it."""
        self._stream.close()
        there = self.path.stat().st_size > 0
        if not there:
            self.path.unlink()
        return there

    def _write(self, weight: Weight) -> TensorProto:
        values = np.ascontiguousarray(weight.encode(weight.array))
        values = values.astype(values.dtype.newbyteorder("<"), copy=False)
        if values.nbytes < EXTERNAL_FROM_BYTES:
            return onnx.numpy_helper.from_array(values, weight.name)
        self._stream.write(bytes(-self._stream.tell() % EXTERNAL_ALIGNMENT))
        tensor = TensorProto(data_type=helper.np_dtype_to_tensor_dtype(values.dtype), dims=values.shape)
        tensor.data_location = TensorProto.EXTERNAL
        place = {"location": self.path.name, "offset": str(self._stream.tell()), "length": str(values.nbytes)}
        for entry, value in place.items():
            tensor.external_data.add(key=entry, value=value)
        self._stream.write(values.data)
        return tensor
