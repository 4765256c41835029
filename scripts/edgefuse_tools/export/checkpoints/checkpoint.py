"""The weights of a Hugging Face model folder as numpy arrays: no PyTorch, lazily, through memory maps:

    checkpoint = Checkpoint.open(Path("blip-vqa-base"))
    weight = checkpoint.weight("vision_model.post_layernorm.weight", [768])

Nothing in a checkpoint is executed; a missing, truncated or unknown file raises `ExportError`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgefuse_tools.export.checkpoints.safetensors_file import BFLOAT16, read_safetensors
from edgefuse_tools.export.checkpoints.torch_file import read_torch
from edgefuse_tools.export.errors import ExportError

Reader = Callable[[Path], Iterator[tuple[str, np.ndarray]]]

# In transformers' search order: one file, then its index of shards.
LAYOUTS: list[tuple[str, Reader]] = [
    ("model.safetensors", read_safetensors),
    ("model.safetensors.index.json", read_safetensors),
    ("pytorch_model.bin", read_torch),
    ("pytorch_model.bin.index.json", read_torch),
]


class Checkpoint:
    """Tensor name -> array, for the weights of one model folder."""

    def __init__(self, folder: Path, tensors: dict[str, np.ndarray]) -> None:
        self.folder = folder
        self._tensors = tensors

    @classmethod
    def open(cls, folder: Path) -> Checkpoint:
        """Finds and maps the weights in `folder`, without reading any tensor yet."""
        if not folder.is_dir():
            raise ExportError(f"{folder}: no such folder; pass the folder of a Hugging Face checkpoint")
        for file_name, reader in LAYOUTS:
            path = folder / file_name
            if path.is_file():
                tensors: dict[str, np.ndarray] = {}
                for part in _shards(path) if path.suffix == ".json" else [path]:
                    _refuse_pointer(part)
                    tensors.update(reader(part))
                return cls(folder, tensors)
        names = ", ".join(file_name for file_name, _ in LAYOUTS)
        raise ExportError(f"{folder}: no weights; expected one of {names}")

    def names(self) -> list[str]:
        return list(self._tensors)

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def raw(self, name: str) -> np.ndarray:
        """The tensor as stored: a read-only view of the file (bfloat16: a structured type, see `to_float32`)."""
        if name not in self._tensors:
            raise ExportError(f"{self.folder}: tensor {name} is missing from the checkpoint")
        return self._tensors[name]

    def weight(self, name: str, shape: Sequence[int]) -> np.ndarray:
        """The tensor as stored, which must have the given shape and a floating type (widen with `to_float32`)."""
        array = self.raw(name)
        if array.shape != tuple(shape):
            raise ExportError(
                f"{self.folder}: tensor {name} has shape {list(array.shape)}, the rest of the model needs {list(shape)}"
            )
        if array.dtype.kind != "f" and array.dtype != BFLOAT16:
            raise ExportError(f"{self.folder}: tensor {name} has type {array.dtype}, which is not a floating type")
        return array


def to_float32(array: np.ndarray) -> np.ndarray:
    """Converts f16, bf16, f32 or f64 weights to float32; a float32 array is returned unchanged.

    bfloat16 is the upper half of a float32: widening it is a shift by 16 bits, exact.
    """
    if array.dtype == BFLOAT16:
        return (array["bfloat16"].astype(np.uint32) << 16).view(np.float32)
    return array.astype(np.float32, copy=False)


def read_json(folder: Path, file_name: str) -> dict[str, Any]:
    """Reads a JSON object of the folder, such as its config.json."""
    path = folder / file_name
    try:
        value = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise ExportError(f"{path}: no such file; pass the folder of a Hugging Face checkpoint") from error
    except ValueError as error:
        raise ExportError(f"{path}: not JSON ({error})") from error
    if not isinstance(value, dict):
        raise ExportError(f"{path}: not a JSON object")
    return value


def _shards(index: Path) -> list[Path]:
    """The files named by an index ({"weight_map": {tensor: file}}), each once, in order."""
    weight_map = read_json(index.parent, index.name).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise ExportError(f"{index}: no weight_map")
    shards = [index.parent / name for name in sorted(set(weight_map.values()))]
    for shard in shards:
        if shard.parent != index.parent:
            raise ExportError(f"{index}: names a shard outside its folder: {shard}")
        if not shard.is_file():
            raise ExportError(f"{shard}: this shard of the checkpoint is missing; download it again")
    return shards


def _refuse_pointer(path: Path) -> None:
    """A folder cloned without Git LFS contains small text files instead of its weights."""
    with path.open("rb") as stream:
        if stream.read(64).startswith(b"version https://git-lfs.github.com/"):
            raise ExportError(f"{path}: a Git LFS pointer, not the weights; run `git lfs pull` in its folder")
