"""Reads a `.safetensors` file through a memory map, with numpy alone.

Layout (https://huggingface.co/docs/safetensors): u64 little-endian length of the header, the header (JSON: tensor name
-> dtype, shape, data_offsets [begin, end) counted from the end of the header), then the raw little-endian data.
"""

from __future__ import annotations

import json
import math
import mmap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from edgefuse_tools.export.errors import ExportError

# The format's own limit on the header, so that an arbitrary file cannot cause a huge allocation.
MAX_HEADER_BYTES = 100_000_000

# bfloat16 has no numpy type: it is read as its 16 bits and widened in `checkpoint.to_float32`.
BFLOAT16: np.dtype[Any] = np.dtype([("bfloat16", "<u2")])

DTYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": BFLOAT16,
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}


def read_safetensors(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yields (name, array) for every tensor; the arrays are read-only views of the mapped file."""
    size = path.stat().st_size
    if size < 8:
        raise ExportError(f"{path}: {size} bytes is too short for a safetensors file; download it again")
    with path.open("rb") as file:
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    header_bytes = int.from_bytes(data[:8], "little")
    if header_bytes > MAX_HEADER_BYTES:
        raise ExportError(f"{path}: not a safetensors file (its header would be {header_bytes} bytes long)")
    if 8 + header_bytes > size:
        raise ExportError(f"{path}: truncated inside the header ({size} bytes); download it again")
    try:
        header = json.loads(data[8 : 8 + header_bytes])
    except ValueError as error:
        raise ExportError(f"{path}: not a safetensors file (its header is not JSON: {error})") from error
    if not isinstance(header, dict):
        raise ExportError(f"{path}: not a safetensors file (its header is not a JSON object)")
    for name, entry in header.items():
        if name != "__metadata__":
            yield name, _view(path, data, 8 + header_bytes, name, entry)


def _view(path: Path, data: mmap.mmap, start: int, name: str, entry: object) -> np.ndarray:
    """The tensor of one header entry, after checking that its bytes are all there."""
    try:
        dtype_name, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]  # type: ignore[index]
        count = math.prod(shape)
        valid = 0 <= begin <= end and all(isinstance(d, int) and d >= 0 for d in shape)
    except (KeyError, TypeError, ValueError) as error:
        raise ExportError(f"{path}: the header entry of tensor {name} is malformed: {entry!r}") from error
    dtype = DTYPES.get(dtype_name)
    if dtype is None:
        raise ExportError(f"{path}: tensor {name} has type {dtype_name}; supported: {', '.join(DTYPES)}")
    if not valid or end - begin != count * dtype.itemsize:
        raise ExportError(f"{path}: tensor {name}: {begin}..{end} does not hold {dtype_name} {shape}")
    if start + end > len(data):
        raise ExportError(
            f"{path}: truncated: tensor {name} ends at byte {start + end}, the file at {len(data)}; download it again"
        )
    return np.frombuffer(data, dtype, count, start + begin).reshape(shape)
