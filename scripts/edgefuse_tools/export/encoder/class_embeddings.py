"""Embeddings of class names by a sentence encoder, made once by scripts/dev.py make_class_embeddings.

The exporters run neither models nor tokenizers, so a table is a file; it names the weights that made it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgefuse_tools.export.checkpoints.checkpoint import LAYOUTS
from edgefuse_tools.export.errors import ExportError

TABLE = Path(__file__).with_name("imagenet-1k-minilm-l6.npz")
"""Of ImageNet's classes by all-MiniLM-L6-v2."""


@dataclass(frozen=True)
class ClassEmbeddings:
    table: np.ndarray
    """[classes, length], each row of length 1, stored as float16."""
    weights: str
    """SHA-256 of the sentence encoder's weights."""

    def save(self, path: Path) -> None:
        with path.open("wb") as stream:
            np.savez(stream, table=self.table, weights=np.array(self.weights))

    @classmethod
    def load(cls, path: Path) -> ClassEmbeddings:
        try:
            with np.load(path, allow_pickle=False) as stored:
                found = cls(stored["table"], str(stored["weights"]))
        except (OSError, ValueError, KeyError) as error:
            raise ExportError(f"{path}: not a table of class embeddings ({error})") from error
        if found.table.ndim != 2 or found.table.dtype.kind != "f":
            raise ExportError(f"{path}: has shape {found.table.shape}, not [classes, length]")
        return found

    def of(self, folder: Path, classes: int, path: Path) -> np.ndarray:
        """The table as float32, for `classes` classes and the sentence encoder in `folder`."""
        if self.weights != weights_of(folder):
            raise ExportError(
                f"{path}: made by another sentence encoder than {folder}; make one with scripts/dev.py make_class_embeddings"
            )
        if len(self.table) != classes:
            raise ExportError(f"{path}: has {len(self.table)} rows, but the classifier has {classes} classes")
        return self.table.astype(np.float32)


def weights_of(folder: Path) -> str:
    """SHA-256 of the weights file in a Hugging Face folder."""
    for name, _ in LAYOUTS:
        if (folder / name).is_file():
            return hashlib.sha256((folder / name).read_bytes()).hexdigest()
    raise ExportError(f"{folder}: no weights")
