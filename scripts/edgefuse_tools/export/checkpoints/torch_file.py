"""Reads a PyTorch `.bin` / `.pt` / `.pth` state dict without PyTorch.

From PyTorch 1.6 on it is a zip container with one pickle, `*/data.pkl`, and each storage as an uncompressed member,
`*/data/KEY`; older files are read by `torch_legacy`. Storages are memory-mapped.
"""

from __future__ import annotations

import io
import mmap
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edgefuse_tools.export.checkpoints.torch_legacy import is_legacy, read_legacy
from edgefuse_tools.export.checkpoints.torch_pickle import StateDictUnpickler, tensors
from edgefuse_tools.export.errors import ExportError

# A state dict's pickle contains only names and shapes: tens of bytes per tensor.
MAX_PICKLE_BYTES = 64_000_000


def read_torch(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yields (name, array) for every tensor; the arrays are read-only views of the mapped file."""
    if is_legacy(path):
        yield from read_legacy(path)
        return
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
            f"{path}: not a readable PyTorch archive ({error}): truncated? Download it again, or save it as safetensors"
        ) from error
    storages = _Storages(path, prefix, members)
    state = StateDictUnpickler(io.BytesIO(pickled), path, storages.flat).load_or_fail()
    yield from tensors(path, state)


class _Storages:
    """The storages of one archive as flat arrays over one memory map."""

    def __init__(self, path: Path, prefix: str, members: dict[str, zipfile.ZipInfo]) -> None:
        self._path = path
        self._prefix = prefix
        self._members = members
        with path.open("rb") as file:
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def flat(self, key: str, dtype: np.dtype[Any], _elements: int) -> np.ndarray:
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
