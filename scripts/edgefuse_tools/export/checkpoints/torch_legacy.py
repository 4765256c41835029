"""Reads a state dict that PyTorch before 1.6 saved (`_legacy_save` of torch/serialization.py), without PyTorch.

A sequence of pickles (a magic number, the version of the format, properties of the machine, the state dict, the keys of
its storages), then the storages in the order of their keys: int64 number of elements, and the values.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edgefuse_tools.export.checkpoints.torch_pickle import StateDictUnpickler, tensors
from edgefuse_tools.export.errors import ExportError

MAGIC = 0x1950A86A20F9469CFC6C
# PROTO 2, LONG1 of ten bytes, the number, STOP: what pickle protocol 2 writes for the magic number.
SIGNATURE = b"\x80\x02\x8a\x0a" + MAGIC.to_bytes(10, "little") + b"."
VERSION = 1001


def is_legacy(path: Path) -> bool:
    """Whether `path` starts as such a file does."""
    with path.open("rb") as stream:
        return stream.read(len(SIGNATURE)) == SIGNATURE


def read_legacy(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yields (name, array) for every tensor; the arrays are read-only views of the mapped file."""
    declared: dict[str, tuple[np.dtype[Any], int]] = {}

    def declare(key: str, dtype: np.dtype[Any], elements: int) -> np.ndarray:
        declared[key] = (dtype, elements)
        # As long as the storage, without its memory.
        return np.broadcast_to(np.zeros(1, dtype), max(elements, 0))

    def none(key: str, _dtype: np.dtype[Any], _elements: int) -> np.ndarray:
        raise ExportError(f"{path}: storage {key} outside the state dict")

    with path.open("rb") as stream:
        _magic, version, machine = (StateDictUnpickler(stream, path, none).load_or_fail() for _ in range(3))
        little = machine.get("little_endian") if isinstance(machine, dict) else None
        if version != VERSION or little is not True:
            raise ExportError(f"{path}: not a little-endian PyTorch file of version {VERSION}; save it as safetensors")
        begin = stream.tell()
        StateDictUnpickler(stream, path, declare).load_or_fail()
        keys = StateDictUnpickler(stream, path, none).load_or_fail()
        if not isinstance(keys, list) or set(map(str, keys)) != set(declared):
            raise ExportError(f"{path}: the storages are not those of the state dict; download it again")
        start = stream.tell()
        content = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        storages = dict(_storages(path, content, start, [str(key) for key in keys], declared))
        stream.seek(begin)
        state = StateDictUnpickler(stream, path, lambda key, _dtype, _elements: storages[key]).load_or_fail()
    yield from tensors(path, state)


def _storages(
    path: Path, content: mmap.mmap, start: int, keys: list[str], declared: dict[str, tuple[np.dtype[Any], int]]
) -> Iterator[tuple[str, np.ndarray]]:
    """Each storage as a view of the file."""
    for key in keys:
        dtype, elements = declared[key]
        end = start + 8 + elements * dtype.itemsize
        if elements < 0 or end > len(content):
            raise ExportError(f"{path}: truncated inside storage {key}; download it again")
        (stored,) = struct.unpack_from("<q", content, start)
        if stored != elements:
            raise ExportError(f"{path}: damaged: storage {key} has {stored} elements, the state dict {elements}")
        yield key, np.frombuffer(content, dtype, elements, start + 8)
        start = end
