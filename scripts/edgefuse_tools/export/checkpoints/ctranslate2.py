"""Reads the weights of a CTranslate2 `model.bin`.

Little-endian. A string is a u16 length, which includes a final NUL, then the bytes.

    u32 version, string specification, u32 revision
    u32 variables, each: string name, u8 rank, u32 per dimension, u8 type, u32 bytes, the values
    u32 aliases, each: string alias, string variable

This is `serialize_model` of ctranslate2's `specs/model_spec.py`; its versions before 5 have another layout.
"""

from __future__ import annotations

import math
import mmap
import struct
from pathlib import Path

import numpy as np

from edgefuse_tools.export.checkpoints.checkpoint import Checkpoint
from edgefuse_tools.export.checkpoints.safetensors_file import BFLOAT16
from edgefuse_tools.export.errors import ExportError

VERSIONS = (5, 6)
ELEMENT_TYPES = [*(np.dtype(name) for name in ("<f4", "<i1", "<i2", "<i4", "<f2")), BFLOAT16]
MAX_RANK = 8


def read_model_bin(path: Path, specification: str) -> Checkpoint:
    """Maps the weights in `path`, aliases included, which must be of `specification`, for example "WhisperSpec"."""
    try:
        with path.open("rb") as stream:
            content = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError as error:
        raise ExportError(f"{path}: no such file") from error
    except ValueError as error:  # mmap refuses an empty file
        raise ExportError(f"{path}: empty file") from error
    cursor = _Cursor(path, content)

    version = cursor.integer("<I")
    if version not in VERSIONS:
        raise ExportError(f"{path}: not a CTranslate2 model, or of a version other than {VERSIONS}: {version}")
    found = cursor.string()
    if found != specification:
        raise ExportError(f"{path}: contains a {found!r} model, expected {specification!r}")
    cursor.integer("<I")  # revision of the specification, which does not affect the names of the weights

    tensors: dict[str, np.ndarray] = {}
    for _ in range(cursor.integer("<I")):
        name = cursor.string()
        tensors[name] = cursor.tensor(name)
    for _ in range(cursor.integer("<I")):
        alias, name = cursor.string(), cursor.string()
        if name not in tensors:
            raise ExportError(f"{path}: alias {alias} of missing tensor {name}")
        tensors[alias] = tensors[name]
    return Checkpoint(path.parent, tensors)


class _Cursor:
    """A position in the file; every read checks that the file is long enough."""

    def __init__(self, path: Path, content: mmap.mmap) -> None:
        self._path = path
        self._content = content
        self._offset = 0

    def integer(self, layout: str) -> int:
        size = struct.calcsize(layout)
        (value,) = struct.unpack_from(layout, self._content, self._advance(size))
        return int(value)

    def string(self) -> str:
        size = self.integer("<H")
        start = self._advance(size)
        raw = self._content[start : start + size]
        if not raw.endswith(b"\0"):
            raise ExportError(f"{self._path}: not a CTranslate2 model, or damaged: no string at byte {start}")
        return raw[:-1].decode("utf-8", errors="replace")

    def tensor(self, name: str) -> np.ndarray:
        rank = self.integer("<B")
        if rank > MAX_RANK:
            raise ExportError(f"{self._path}: damaged: tensor {name} has {rank} dimensions")
        shape = [self.integer("<I") for _ in range(rank)]
        element = self.integer("<B")
        size = self.integer("<I")
        if element >= len(ELEMENT_TYPES):
            raise ExportError(f"{self._path}: tensor {name} has element type {element}; 0 to 5 are supported")
        dtype = ELEMENT_TYPES[element]
        if math.prod(shape) * dtype.itemsize != size:
            raise ExportError(f"{self._path}: damaged: tensor {name} {shape} cannot have {size} bytes")
        start = self._advance(size)
        return np.frombuffer(self._content, dtype, math.prod(shape), start).reshape(shape)

    def _advance(self, size: int) -> int:
        """Skips `size` bytes; returns their start."""
        start = self._offset
        if start + size > len(self._content):
            raise ExportError(f"{self._path}: truncated: {len(self._content)} bytes instead of at least {start + size}")
        self._offset = start + size
        return start
