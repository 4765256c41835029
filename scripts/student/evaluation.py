"""How often the student is right about pictures it has not seen, from each set of modalities."""

from __future__ import annotations

import numpy as np
import torch

from easyvqa import questions
from easyvqa.dataset import Split
from easyvqa.pixels import pixel_values
from easyvqa.texts import TextEncoder
from student.model import Student
from student.speech import Speech

_BATCH = 256  # questions
_SUBSETS: dict[str, tuple[float, float, float]] = {
    "image+text": (1.0, 1.0, 0.0),
    "image+audio": (1.0, 0.0, 1.0),
    "all": (1.0, 1.0, 1.0),
}


class Examination:
    """A part of the data set with its questions typed and, in voices kept out of training, spoken."""

    def __init__(self, split: Split, encoder: TextEncoder, speech: Speech, seed: int) -> None:
        self._split = split
        self._asked = encoder.questions(split.texts)
        self._speech = speech
        known = {text: index for index, text in enumerate(questions.every_text())}
        texts = np.array([known[text] for text in split.texts], dtype=np.int64)
        self._recordings = speech.recordings_of(np.random.default_rng([seed, 30]), texts)

    @torch.inference_mode()
    def accuracies(self, student: Student) -> dict[str, float]:
        """Share of right answers for each set of modalities."""
        student.eval()
        right = dict.fromkeys(_SUBSETS, 0)
        count = len(self._split.texts)
        for low in range(0, count, _BATCH):
            rows = np.arange(low, min(low + _BATCH, count))
            asked = self._asked.rows(torch.from_numpy(rows))
            own = [
                student.image_states(pixel_values(self._split.pictures.images[self._split.image_ids[rows]])),
                student.text_states(asked.ids, asked.mask),
                student.audio_states(torch.from_numpy(self._speech.batch(self._recordings[rows]))),
            ]
            for name, present in _SUBSETS.items():
                logits = student.fuse(own, torch.tensor([present]).expand(len(rows), -1)).logits
                right[name] += int((logits.argmax(dim=1).numpy() == self._split.answers[rows]).sum())
        return {name: hits / count for name, hits in right.items()}
