"""Unpickles the state dict of a PyTorch checkpoint without PyTorch.

A pickle can run any code, so this unpickler allows three callables (the tensor rebuild, the parameter rebuild,
OrderedDict) and the storage types, all replaced by functions of this file, and refuses every other name.
"""

from __future__ import annotations

import collections
import math
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from edgefuse_tools.export.checkpoints.safetensors_file import BFLOAT16
from edgefuse_tools.export.errors import ExportError

STORAGES: dict[str, np.dtype[Any]] = {
    "DoubleStorage": np.dtype("<f8"),
    "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"),
    "BFloat16Storage": BFLOAT16,
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ShortStorage": np.dtype("<i2"),
    "CharStorage": np.dtype("i1"),
    "ByteStorage": np.dtype("u1"),
    "BoolStorage": np.dtype("?"),
}

Storage = Callable[[str, "np.dtype[Any]", int], np.ndarray]
"""Key, element type and number of elements of a storage -> the whole storage, [elements]."""


class StateDictUnpickler(pickle.Unpickler):
    """Unpickles tensors and dictionaries; everything else is an error and is never imported or called."""

    def __init__(self, stream: IO[bytes], path: Path, storage: Storage) -> None:
        super().__init__(stream)
        self._path = path
        self._storage = storage

    def load_or_fail(self) -> Any:
        """The pickled object, which need not be a state dict."""
        try:
            return self.load()
        except ExportError:
            raise
        except Exception as error:  # a malformed stream can make pickle raise anything
            raise ExportError(f"{self._path}: cannot read its pickle ({type(error).__name__}: {error})") from error

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return self._rebuild_tensor
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return _rebuild_parameter
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if module in ("torch", "torch.storage") and name in STORAGES:
            return STORAGES[name]
        raise ExportError(
            f"{self._path}: refuses to load {module}.{name}: only tensors and OrderedDict belong in a state dict"
        )

    def persistent_load(self, pid: Any) -> np.ndarray:
        # Before PyTorch 1.6, a sixth entry describes a storage that is a view of another one.
        kind, dtype, key, _location, elements, *view = pid
        if kind != "storage" or not isinstance(dtype, np.dtype) or any(view):
            raise ExportError(f"{self._path}: unknown persistent object {kind!r}")
        return self._storage(str(key), dtype, int(elements))

    def _rebuild_tensor(
        self, storage: np.ndarray, offset: int, shape: tuple[int, ...], stride: tuple[int, ...], *_unused: object
    ) -> np.ndarray:
        """torch._utils._rebuild_tensor_v2: a strided view of a storage; offset and stride in elements."""
        if len(shape) != len(stride) or offset < 0 or min((*shape, *stride), default=0) < 0:
            raise ExportError(f"{self._path}: a tensor has shape {shape} with stride {stride}")
        last = offset + sum((d - 1) * s for d, s in zip(shape, stride))
        if math.prod(shape) and last >= storage.size:
            raise ExportError(f"{self._path}: truncated: a tensor of shape {shape} reaches past its storage")
        strides = [s * storage.itemsize for s in stride]
        return np.lib.stride_tricks.as_strided(storage[offset:], shape, strides, writeable=False)


def _rebuild_parameter(tensor: np.ndarray, _requires_grad: bool, _hooks: object) -> np.ndarray:
    return tensor


def tensors(path: Path, state: Any) -> Iterator[tuple[str, np.ndarray]]:
    """(name, array) for every tensor of an unpickled state dict."""
    # Some trainers wrap the state dict one level deep.
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict):
        raise ExportError(f"{path}: contains a {type(state).__name__}, not a state dict")
    for name, value in state.items():
        if isinstance(value, np.ndarray):
            yield str(name), value
