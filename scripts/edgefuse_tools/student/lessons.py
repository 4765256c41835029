"""The student's training data: pictures, typed and spoken questions about them, a colour sensor, soft answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from edgefuse_tools.easyvqa import drawing, questions
from edgefuse_tools.easyvqa.dataset import Split
from edgefuse_tools.easyvqa.labels import ANSWERS, COLOR_NAMES, SHAPES
from edgefuse_tools.easyvqa.pixels import pixel_values
from edgefuse_tools.easyvqa.texts import TextEncoder, Texts
from edgefuse_tools.student import color_sensor
from edgefuse_tools.student.augment import augment
from edgefuse_tools.student.expectations import Expectations
from edgefuse_tools.student.log_mel import MELS
from edgefuse_tools.student.model import MODALITIES
from edgefuse_tools.student.speech import CAPTIONS, SPOKEN, Speech, pad

QUESTIONS_EACH = 8  # about every picture
_CAPTIONS = 0.4  # share of captions among the recordings without a question
#: Mostly yes/no questions; the others are learned quickly. See ``questions.Mix`` for why they start easy.
_EASY = questions.Mix(there=0.5, denied=0.3, kinds=(0.1, 0.1, 0.35, 0.45))
_HARD = questions.Mix(there=0.33, denied=0.5, kinds=(0.1, 0.1, 0.3, 0.5))

#: Probability of each set of modalities (image, text, audio, sensors).
Subsets = dict[tuple[int, int, int, int], float]
TYPED: Subsets = {(1, 1, 0, 0): 1.0}
EVERY_SUBSET: Subsets = {
    (1, 1, 0, 0): 0.18,
    (1, 0, 1, 0): 0.38,
    (1, 1, 1, 0): 0.06,
    (1, 1, 0, 1): 0.02,
    (1, 0, 1, 1): 0.02,
    (1, 0, 0, 0): 0.06,
    (0, 1, 0, 0): 0.05,
    (0, 0, 1, 0): 0.05,
    (0, 1, 1, 0): 0.02,
    (0, 0, 0, 1): 0.03,
    (0, 1, 0, 1): 0.06,
    (0, 0, 1, 1): 0.05,
    (1, 0, 0, 1): 0.01,
    (0, 1, 1, 1): 0.01,
}


@dataclass(frozen=True)
class Lesson:
    """One training batch: ``p`` pictures and ``q`` = 8 p questions, eight consecutive ones for each picture.

    images: [p, 3, 64, 64] float32
    kinds: [p] int64, one number for each combination of shape and colour
    captions: [p] texts
    asked: [q] texts
    sensors: [q, 4] float32
    presence: [q, 4] float32
    heard: [h] int64, the questions that are also, or only, spoken
    log_mel: [h, 80, frames] float32, their recordings
    further: [u, 80, frames] float32, recordings without a question
    spoken: [h + u] int64, text of each recording, index into ``SPOKEN``
    answers: [q, 13] float32, shares; 1 for the true answer if the present modalities determine it
    teacher: [q, 13] float32 log-probabilities
    """

    images: torch.Tensor
    kinds: torch.Tensor
    captions: Texts
    asked: Texts
    sensors: torch.Tensor
    presence: torch.Tensor
    heard: torch.Tensor
    log_mel: torch.Tensor
    further: torch.Tensor
    spoken: torch.Tensor
    answers: torch.Tensor
    teacher: torch.Tensor


class Teacher(Protocol):
    """Returns soft answers to questions."""

    def soft_answers(self, images: np.ndarray, asked: Sequence[str]) -> np.ndarray:
        """Log-probabilities of the 13 answers, [questions, 13] float32, with the same number of consecutive questions
        for each of ``images``."""
        ...


class Lessons:
    """Draws pictures and questions once, asks the teacher once, then builds batches; batch ``i`` depends only on
    ``i``."""

    def __init__(
        self,
        seed: int,
        drawings: int,
        real: Split,
        encoder: TextEncoder,
        speech: Speech,
        teacher: Teacher,
        cache: Path,
        report: Callable[[str], None],
    ) -> None:
        """``cache``: folder that keeps the teacher's answers for the next start."""
        self._seed = seed
        self._speech = speech
        rng = np.random.default_rng([seed, 20])
        found = np.flatnonzero((real.pictures.shapes >= 0) & (real.pictures.colors >= 0))
        self._pictures = drawing.concatenate(real.pictures.take(found), drawing.draw(rng, drawings))
        asked = [self._ask(rng, index) for index in range(len(self._pictures)) for _ in range(QUESTIONS_EACH)]
        known = {text: index for index, text in enumerate(questions.every_text())}
        self._numbers = np.array([known[question.text] for question in asked], dtype=np.int64)
        self._answers = np.array([ANSWERS.index(question.answer) for question in asked])
        texts = [questions.vary(rng, question.text) for question in asked]
        self._asked = encoder.questions(texts)
        self._captions = encoder.questions(list(CAPTIONS))
        self._expectations = Expectations(real)
        self.spoken_texts = encoder.questions(list(SPOKEN))
        self._teacher = self._ask_teacher(teacher, texts, cache / f"teacher-{seed}-{len(asked)}.npy", report)

    def _ask(self, rng: np.random.Generator, index: int) -> questions.Question:
        shape, color = SHAPES[self._pictures.shapes[index]], COLOR_NAMES[self._pictures.colors[index]]
        return questions.sample(rng, shape, color, _EASY if index % 2 else _HARD)

    def _ask_teacher(
        self, teacher: Teacher, texts: list[str], kept: Path, report: Callable[[str], None]
    ) -> torch.Tensor:
        if not kept.exists():
            report(f"asking the teacher {len(self._answers)} questions about {len(self._pictures)} pictures")
            np.save(kept, teacher.soft_answers(self._pictures.images, texts))
        answers = np.load(kept)
        report(f"the teacher is right in {(answers.argmax(axis=1) == self._answers).mean():.4f} of its answers")
        return torch.from_numpy(answers)

    def batch(self, step: int, pictures: int, utterances: int, subsets: Subsets, easy: bool) -> Lesson:
        """The batch of one step: every second picture has easy questions, the others hard ones.

        ``utterances``: number of further recordings, of any spoken text
        """
        rng = np.random.default_rng([self._seed, 21, step])
        chosen = 2 * rng.integers(len(self._pictures) // 2, size=pictures) + int(easy)
        rows = (chosen[:, None] * QUESTIONS_EACH + np.arange(QUESTIONS_EACH)).reshape(-1)
        drawn = rng.choice(len(subsets), size=len(rows), p=list(subsets.values()))
        presence = np.array(list(subsets), dtype=np.float32)[drawn]
        shapes, colors = (labels[rows // QUESTIONS_EACH] for labels in (self._pictures.shapes, self._pictures.colors))
        heard = np.flatnonzero(presence[:, MODALITIES.index("audio")])
        # Few of the spoken texts are captions, and only captions describe a picture.
        captions = self._speech.captions(rng, round(utterances * _CAPTIONS))
        further = np.concatenate([self._speech.of_one_length(rng, utterances - len(captions)), captions])
        asking = self._speech.recordings_of(rng, self._numbers[rows[heard]])
        numbers = self._numbers[rows]
        shares = torch.from_numpy(self._expectations.shares(presence, numbers, shapes, colors, self._answers[rows]))
        certain = torch.from_numpy(self._expectations.certain(presence, numbers) & (presence[:, 0] > 0))
        kinds = torch.from_numpy(shapes[::QUESTIONS_EACH] * len(COLOR_NAMES) + colors[::QUESTIONS_EACH])
        return Lesson(
            images=pixel_values(self._pictures.images[chosen]),
            kinds=kinds,
            captions=self._captions.rows(kinds),
            asked=self._asked.rows(torch.from_numpy(rows)),
            sensors=torch.from_numpy(color_sensor.read(rng, colors)),
            presence=torch.from_numpy(presence),
            heard=torch.from_numpy(heard),
            log_mel=torch.from_numpy(self._recordings(rng, asking)),
            further=torch.from_numpy(self._recordings(rng, further)),
            spoken=torch.from_numpy(self._speech.numbers[np.concatenate([asking, further])]),
            answers=shares,
            teacher=torch.where(certain[:, None], self._teacher[torch.from_numpy(rows)], shares.clamp(min=1e-4).log()),
        )

    def _recordings(self, rng: np.random.Generator, recordings: np.ndarray) -> np.ndarray:
        """These recordings as [n, 80, frames], augmented."""
        if len(recordings) == 0:
            return np.zeros((0, MELS, 1), dtype=np.float32)
        return pad([augment(rng, self._speech.rows(index)) for index in recordings])
