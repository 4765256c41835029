"""What the student is trained on: pictures, questions about them typed and spoken, and the teacher's soft answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from easyvqa import drawing, questions
from easyvqa.drawing import Pictures
from easyvqa.labels import ANSWERS, COLOR_NAMES, SHAPES, caption
from easyvqa.pixels import pixel_values
from easyvqa.texts import TextEncoder, Texts
from student.speech import Speech
from student.teacher import Teacher

QUESTIONS_EACH = 4  # about every picture
#: How often a training sample has which modalities (image, text, audio). Every subset occurs.
_SUBSETS: dict[tuple[int, int, int], float] = {
    (1, 1, 0): 0.36,
    (1, 0, 1): 0.34,
    (1, 1, 1): 0.10,
    (1, 0, 0): 0.05,
    (0, 1, 0): 0.05,
    (0, 0, 1): 0.05,
    (0, 1, 1): 0.05,
}


@dataclass(frozen=True)
class Lesson:
    """One training batch: ``p`` pictures and ``q`` = 4 p questions, four in a row for each picture.

    images: [p, 3, 64, 64] float32
    kinds: [p] int64, one number for each combination of shape and colour
    captions: [p] texts
    asked: [q] texts; log_mel: [q, 80, frames] float32; spoken: [q] int64, which question it is
    presence: [q, 3] float32
    answers: [q] int64; teacher: [q, 13] float32 log-probabilities
    """

    images: torch.Tensor
    kinds: torch.Tensor
    captions: Texts
    asked: Texts
    log_mel: torch.Tensor
    spoken: torch.Tensor
    presence: torch.Tensor
    answers: torch.Tensor
    teacher: torch.Tensor


class Lessons:
    """Draws pictures and questions once, asks the teacher once, then deals batches; batch ``i`` depends on ``i`` alone."""

    def __init__(
        self,
        seed: int,
        drawings: int,
        real: Pictures,
        encoder: TextEncoder,
        speech: Speech,
        teacher: Teacher,
        report: Callable[[str], None],
    ) -> None:
        self._seed = seed
        self._speech = speech
        rng = np.random.default_rng([seed, 20])
        labelled = real.take(np.flatnonzero((real.shapes >= 0) & (real.colors >= 0)))
        self._pictures = drawing.concatenate(labelled, drawing.draw(rng, drawings))
        asked = [self._ask(rng, index) for index in range(len(self._pictures)) for _ in range(QUESTIONS_EACH)]
        known = {text: index for index, text in enumerate(questions.every_text())}
        self._spoken = np.array([known[question.text] for question in asked], dtype=np.int64)
        self._answers = torch.tensor([ANSWERS.index(question.answer) for question in asked])
        self._asked = encoder.questions([questions.vary(rng, question.text) for question in asked])
        kinds = [caption(shape, color) for shape in SHAPES for color in COLOR_NAMES]
        self._captions = encoder.questions(kinds)
        self._kinds = torch.from_numpy(self._pictures.shapes * len(COLOR_NAMES) + self._pictures.colors)
        report(f"asking the teacher {len(asked)} questions about {len(self._pictures)} pictures")
        self._teacher = teacher.soft_answers(self._pictures.images, self._asked)
        agreement = (self._teacher.argmax(dim=1) == self._answers).float().mean()
        report(f"the teacher is right in {agreement:.4f} of them")

    def _ask(self, rng: np.random.Generator, index: int) -> questions.Question:
        shape, color = SHAPES[self._pictures.shapes[index]], COLOR_NAMES[self._pictures.colors[index]]
        return questions.sample(rng, shape, color, self._mix(index))

    @staticmethod
    def _mix(index: int) -> questions.Mix:
        """Easy questions about every second picture, hard ones about the others."""
        return questions.EASY if index % 2 else questions.HARD

    def batch(self, step: int, pictures: int) -> Lesson:
        """The batch of one step."""
        rng = np.random.default_rng([self._seed, 21, step])
        chosen = rng.integers(len(self._pictures), size=pictures)
        rows = (chosen[:, None] * QUESTIONS_EACH + np.arange(QUESTIONS_EACH)).reshape(-1)
        subsets = rng.choice(len(_SUBSETS), size=len(rows), p=list(_SUBSETS.values()))
        row_index = torch.from_numpy(rows)
        kinds = self._kinds[torch.from_numpy(chosen)]
        return Lesson(
            images=pixel_values(self._pictures.images[chosen]),
            kinds=kinds,
            captions=self._captions.rows(kinds),
            asked=self._asked.rows(row_index),
            log_mel=torch.from_numpy(self._speech.batch(self._speech.recordings_of(rng, self._spoken[rows]))),
            spoken=torch.from_numpy(self._spoken[rows]),
            presence=torch.tensor(list(_SUBSETS), dtype=torch.float32)[torch.from_numpy(subsets)],
            answers=self._answers[row_index],
            teacher=self._teacher[row_index],
        )
