"""Teacher for pictures in memory: the models of a device file, through the binary."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from edgefuse_tools.distill.binary import Binary, BinaryError
from edgefuse_tools.distill.manifest import Manifest, Record
from edgefuse_tools.distill.teacher import soft_labels


@dataclass(frozen=True)
class PictureTeacher:
    """``labels``: the answers to rank."""

    binary: Binary
    labels: Sequence[str]
    report: Callable[[str], None]

    def soft_answers(self, images: np.ndarray, asked: Sequence[str]) -> np.ndarray:
        """Log-probabilities of the labels: [questions, labels] float32.

        images: [n, height, width, 3] uint8; ``asked`` has the same number of consecutive questions for each. Raises
        BinaryError.
        """
        each = len(asked) // len(images)
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            files = [folder / f"{number}.png" for number in range(len(images))]
            for file, image in zip(files, images, strict=True):
                Image.fromarray(image).save(file, compress_level=1)
            records = [
                Record(line, files[(line - 1) // each], None, text, None, None)
                for line, text in enumerate(asked, start=1)
            ]
            manifest = Manifest(folder / "questions.jsonl", tuple(records), ())
            taught = soft_labels(self.binary, manifest, self.labels, None, folder / "answers", self.report)
        if np.isnan(taught).any():
            raise BinaryError(f"{int(np.isnan(taught[:, 0]).sum())} questions have no answer")
        return taught
