"""The easy-VQA data set in memory, with the shape and colour of each picture if its questions reveal them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from edgefuse_tools.easyvqa.drawing import Pictures
from edgefuse_tools.easyvqa.labels import ANSWERS, COLOR_NAMES, SHAPES, revealed


@dataclass(frozen=True)
class Split:
    """One part of the data set.

    pictures: every image of the part, in order of ids
    texts: the questions
    answers: [q] int64, index into ``ANSWERS``
    image_ids: [q] int64, the picture each question is about
    """

    pictures: Pictures
    texts: list[str]
    answers: np.ndarray
    image_ids: np.ndarray

    def subset(self, low: int, high: int) -> Split:
        """The pictures with ids ``low`` up to ``high`` (excluded) and their questions, renumbered from 0."""
        chosen = np.flatnonzero((self.image_ids >= low) & (self.image_ids < high))
        return Split(
            self.pictures.take(np.arange(low, high)),
            [self.texts[index] for index in chosen],
            self.answers[chosen],
            self.image_ids[chosen] - low,
        )


def load(folder: Path, part: str) -> Split:
    """Reads ``part`` ("train" or "test") of the data set in ``folder``."""
    root = folder / "data" / part
    questions = json.loads((root / "questions.json").read_text(encoding="utf-8"))
    count = 1 + max(image_id for _, _, image_id in questions)
    images = np.stack([_read(root / "images" / f"{index}.png") for index in range(count)])
    shapes, colors = _labels(questions, images)
    return Split(
        Pictures(images, shapes, colors),
        [text for text, _, _ in questions],
        np.array([ANSWERS.index(answer) for _, answer, _ in questions], dtype=np.int64),
        np.array([image_id for _, _, image_id in questions], dtype=np.int64),
    )


def _read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def _labels(questions: list[tuple[str, str, int]], images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Shape and colour of each picture, [n] int64 each, -1 if its questions do not reveal it."""
    shapes = np.full(len(images), -1, dtype=np.int64)
    colors = np.full(len(images), -1, dtype=np.int64)
    for text, answer, image_id in questions:
        for names, labels in ((SHAPES, shapes), (COLOR_NAMES, colors)):
            name = revealed(text, answer, names)
            if name is not None:
                labels[image_id] = names.index(name)
    return shapes, colors
