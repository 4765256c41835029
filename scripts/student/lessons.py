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
from student.log_mel import MELS
from student.model import MODALITIES
from student.speech import Speech
from student.teacher import Teacher

QUESTIONS_EACH = 8  # about every picture
#: Mostly yes/no questions; the others are learned at once. See ``questions.Mix`` for why they start easy.
_EASY = questions.Mix(there=0.5, denied=0.3, kinds=(0.1, 0.1, 0.35, 0.45))
_HARD = questions.Mix(there=0.33, denied=0.5, kinds=(0.1, 0.1, 0.3, 0.5))

#: How often a sample has which modalities (image, text, audio).
Subsets = dict[tuple[int, int, int], float]
TYPED: Subsets = {(1, 1, 0): 1.0}
EVERY_SUBSET: Subsets = {
    (1, 1, 0): 0.34,
    (1, 0, 1): 0.40,
    (1, 1, 1): 0.10,
    (1, 0, 0): 0.04,
    (0, 1, 0): 0.04,
    (0, 0, 1): 0.04,
    (0, 1, 1): 0.04,
}


@dataclass(frozen=True)
class Lesson:
    """One training batch: ``p`` pictures and ``q`` = 8 p questions, eight in a row for each picture.

    images: [p, 3, 64, 64] float32
    kinds: [p] int64, one number for each combination of shape and colour
    captions: [p] texts
    asked: [q] texts; numbers: [q] int64, which question it is
    presence: [q, 3] float32
    heard: [h] int64, the questions that are also, or only, spoken; log_mel: [h, 80, frames] float32
    answers: [q] int64; teacher: [q, 13] float32 log-probabilities
    """

    images: torch.Tensor
    kinds: torch.Tensor
    captions: Texts
    asked: Texts
    numbers: torch.Tensor
    presence: torch.Tensor
    heard: torch.Tensor
    log_mel: torch.Tensor
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
        self._numbers = np.array([known[question.text] for question in asked], dtype=np.int64)
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
        return questions.sample(rng, shape, color, _EASY if index % 2 else _HARD)

    def batch(self, step: int, pictures: int, subsets: Subsets, easy: bool) -> Lesson:
        """The batch of one step: every second picture has easy questions, the others hard ones."""
        rng = np.random.default_rng([self._seed, 21, step])
        chosen = 2 * rng.integers(len(self._pictures) // 2, size=pictures) + int(easy)
        rows = (chosen[:, None] * QUESTIONS_EACH + np.arange(QUESTIONS_EACH)).reshape(-1)
        drawn = rng.choice(len(subsets), size=len(rows), p=list(subsets.values()))
        presence = np.array(list(subsets), dtype=np.float32)[drawn]
        heard = np.flatnonzero(presence[:, MODALITIES.index("audio")])
        row_index = torch.from_numpy(rows)
        kinds = self._kinds[torch.from_numpy(chosen)]
        return Lesson(
            images=pixel_values(self._pictures.images[chosen]),
            kinds=kinds,
            captions=self._captions.rows(kinds),
            asked=self._asked.rows(row_index),
            numbers=torch.from_numpy(self._numbers[rows]),
            presence=torch.from_numpy(presence),
            heard=torch.from_numpy(heard),
            log_mel=torch.from_numpy(self._recordings(rng, self._numbers[rows[heard]])),
            answers=self._answers[row_index],
            teacher=self._teacher[row_index],
        )

    def _recordings(self, rng: np.random.Generator, numbers: np.ndarray) -> np.ndarray:
        """[n, 80, frames] of these questions, each in a random voice."""
        if len(numbers) == 0:
            return np.zeros((0, MELS, 1), dtype=np.float32)
        return self._speech.batch(self._speech.recordings_of(rng, numbers))
