"""Reads a PyTorch `.bin` / `.pt` state dict (zip container, PyTorch 1.6 and later) without PyTorch.

The container has one pickle, `*/data.pkl`, and each storage as an uncompressed member, `*/data/KEY`. A pickle can run
any code, so this unpickler allows three callables (the tensor rebuild, the parameter rebuild, OrderedDict) and the
storage types, all replaced by functions of this file, and refuses every other name. Storages are memory-mapped.
"""

from __future__ import annotations

import collections
import io
import math
import mmap
import pickle
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edgefuse_tools.export.checkpoints.safetensors_file import BFLOAT16
from edgefuse_tools.export.errors import ExportError

# A state dict's pickle contains only names and shapes: tens of bytes per tensor.
MAX_PICKLE_BYTES = 64_000_000

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


def read_torch(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yields (name, array) for every tensor; the arrays are read-only views of the mapped file."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename: info for info in archive.infolist()}
            pickles = [name for name in members if name.endswith("/data.pkl")]
            if len(pickles) != 1:
                raise ExportError(f"{path}: not a PyTorch state dict (no data.pkl in the archive)")
            prefix = pickles[0].removesuffix("data.pkl")
            if members[pickles[0]].file_size > MAX_PICKLE_BYTES:
                raise ExportError(f"{path}: {pickles[0]} is larger than any state dict's")
            pickled = archive.read(pickles[0])
            if prefix + "byteorder" in members and archive.read(prefix + "byteorder") != b"little":
                raise ExportError(f"{path}: saved on a big-endian machine; save it again on a little-endian one")
    except (zipfile.BadZipFile, EOFError) as error:
        raise ExportError(
            f"{path}: not a readable PyTorch archive ({error}): truncated, or saved by PyTorch before 1.6; "
            "download it again, or save it as safetensors"
        ) from error
    storages = _Storages(path, prefix, members)
    try:
        state = _StateDictUnpickler(pickled, path, storages).load()
    except ExportError:
        raise
    except Exception as error:  # a malformed stream can make pickle raise anything
        raise ExportError(f"{path}: cannot read its pickle ({type(error).__name__}: {error})") from error
    # Some trainers wrap the state dict one level deep.
    if isinstance(state, dict) and isinstance(state.get("state_dict"), dict):
        state = state["state_dict"]
    if not isinstance(state, dict):
        raise ExportError(f"{path}: contains a {type(state).__name__}, not a state dict")
    for name, value in state.items():
        if isinstance(value, np.ndarray):
            yield str(name), value


class _Storages:
    """The storages of one archive as flat arrays over one memory map."""

    def __init__(self, path: Path, prefix: str, members: dict[str, zipfile.ZipInfo]) -> None:
        self._path = path
        self._prefix = prefix
        self._members = members
        with path.open("rb") as file:
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def flat(self, key: str, dtype: np.dtype) -> np.ndarray:
        """The whole storage KEY, shape [elements]."""
        info = self._members.get(f"{self._prefix}data/{key}")
        if info is None:
            raise ExportError(f"{self._path}: storage {key} is missing from the archive; download it again")
        if info.compress_type != zipfile.ZIP_STORED:
            raise ExportError(f"{self._path}: storage {key} is compressed; save the checkpoint with torch.save")
        # The local header has its own extra field, with which PyTorch pads to 64 bytes.
        name_bytes, extra_bytes = struct.unpack_from("<HH", self._data, info.header_offset + 26)
        start = info.header_offset + 30 + name_bytes + extra_bytes
        if start + info.file_size > len(self._data):
            raise ExportError(f"{self._path}: truncated inside storage {key}; download it again")
        return np.frombuffer(self._data, dtype, info.file_size // dtype.itemsize, start)


class _StateDictUnpickler(pickle.Unpickler):
    """Unpickles tensors and dictionaries; everything else is an error and is never imported or called."""

    def __init__(self, pickled: bytes, path: Path, storages: _Storages) -> None:
        super().__init__(io.BytesIO(pickled))
        self._path = path
        self._storages = storages

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
        kind, dtype, key, _location, _elements = pid
        if kind != "storage" or not isinstance(dtype, np.dtype):
            raise ExportError(f"{self._path}: unknown persistent object {kind!r}")
        return self._storages.flat(key, dtype)

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
