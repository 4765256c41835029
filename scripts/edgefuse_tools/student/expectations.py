"""Soft targets of modality dropout: the distribution of answers given only part of the inputs.

Without the picture or without the question, the best possible answer is the distribution of answers among the data
set's questions that look the same. Training on it calibrates the confidence.
"""

from __future__ import annotations

import numpy as np

from edgefuse_tools.easyvqa.dataset import Split
from edgefuse_tools.easyvqa.labels import ANSWERS, COLOR_NAMES, SHAPES
from edgefuse_tools.easyvqa.questions import asks_about_color, every_text

_SMALLEST = 1e-4  # share of an answer that never occurs


class Expectations:
    """Shares of the 13 answers, counted in the data set's *train* part."""

    def __init__(self, split: Split) -> None:
        known = {text: index for index, text in enumerate(every_text())}
        texts = np.array([known[text] for text in split.texts], dtype=np.int64)
        shapes, colors = (labels[split.image_ids] for labels in (split.pictures.shapes, split.pictures.colors))
        kinds = np.where((shapes >= 0) & (colors >= 0), shapes * len(COLOR_NAMES) + colors, -1)
        self._anything = _shares(np.zeros(len(texts), dtype=np.int64), split.answers, 1)[0]
        self._of_text = _shares(texts, split.answers, len(known))
        self._of_color = _shares(colors, split.answers, len(COLOR_NAMES))
        self._of_picture = _shares(kinds, split.answers, len(SHAPES) * len(COLOR_NAMES))
        self._asks_about_color = np.array([asks_about_color(text) for text in known])

    def shares(
        self, presence: np.ndarray, texts: np.ndarray, shapes: np.ndarray, colors: np.ndarray, answers: np.ndarray
    ) -> np.ndarray:
        """The shares of the answers for each sample, given what is present: [n, 13] float32, each sums to 1.

        presence: [n, 4], image, text, audio, sensors; texts: [n] index into ``questions.every_text()``; shapes,
        colors, answers: [n], the truth. If the present modalities determine the answer, its share is 1.
        """
        image, sensors = presence[:, 0] > 0, presence[:, 3] > 0
        asked = (presence[:, 1] > 0) | (presence[:, 2] > 0)
        certain = self.certain(presence, texts)
        shares = np.tile(self._anything, (len(texts), 1))
        for rows, table, index in (
            (sensors & ~asked, self._of_color, colors),
            (image & ~asked, self._of_picture, shapes * len(COLOR_NAMES) + colors),
            (asked & ~certain, self._of_text, texts),
            (certain, np.eye(len(ANSWERS), dtype=np.float32), answers),
        ):
            shares[rows] = table[index[rows]]
        return shares

    def certain(self, presence: np.ndarray, texts: np.ndarray) -> np.ndarray:
        """Whether the present modalities determine the answer: [n] bool."""
        asked = (presence[:, 1] > 0) | (presence[:, 2] > 0)
        return asked & ((presence[:, 0] > 0) | ((presence[:, 3] > 0) & self._asks_about_color[texts]))


def _shares(groups: np.ndarray, answers: np.ndarray, count: int) -> np.ndarray:
    """[count, 13] float32: the share of each answer among the samples of each group."""
    table = np.zeros((count, len(ANSWERS)))
    np.add.at(table, (groups[groups >= 0], answers[groups >= 0]), 1.0)
    table = table / np.maximum(table.sum(axis=1, keepdims=True), 1.0) + _SMALLEST
    return (table / table.sum(axis=1, keepdims=True)).astype(np.float32)
