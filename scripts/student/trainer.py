"""The training of the student: what a lesson costs it, stage by stage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from student import losses
from student.evaluation import Examination
from student.lessons import QUESTIONS_EACH, Lesson, Lessons, Subsets
from student.model import MODALITIES, Student
from training import loop
from training.schedule import warm_cosine
from training.state import TrainingState

_WARM_UP = 100  # steps at the start of each stage
_TEMPERATURE = 2.0  # of the distillation
_TEACHER_WEIGHT = 0.7  # the rest is cross-entropy with the true answers
_ALIGNMENT_WEIGHT = 0.1
_ALIGNMENT_TEMPERATURE = 0.1


@dataclass(frozen=True)
class Stage:
    """One part of the training.

    pictures: a step, with their questions
    subsets: which modalities the samples have
    easy_steps: of its steps, the first so many ask easy questions
    rate: the highest learning rate
    """

    steps: int
    pictures: int
    subsets: Subsets
    easy_steps: int
    rate: float


def lesson_loss(student: Student, lesson: Lesson) -> torch.Tensor:
    """Distillation and cross-entropy of the answers, and the two alignments of the modalities' embeddings.

    A picture is encoded once for all its questions, and nothing is spent on recordings that are absent.
    """
    image, image_real = student.image_states(lesson.images)
    text, text_real = student.text_states(lesson.asked.ids, lesson.asked.mask)
    described, _ = student.text_states(lesson.captions.ids, lesson.captions.mask)
    alike = _alignment(student.summary(image, 0), student.summary(described, 1), lesson.kinds)

    def decide(rows: torch.Tensor, audio: torch.Tensor, audio_real: torch.Tensor) -> torch.Tensor:
        pictures = rows // QUESTIONS_EACH
        own = [(image[pictures], image_real[pictures]), (text[rows], text_real[rows]), (audio, audio_real)]
        return student.decide(own, lesson.presence[rows])[0]

    heard = lesson.heard
    silent = torch.nonzero(lesson.presence[:, MODALITIES.index("audio")] == 0)[:, 0]
    no_audio = text.new_zeros(len(silent), 0, text.shape[2])
    logits = [decide(silent, no_audio, no_audio[:, :, 0])] if len(silent) else []
    if len(heard):
        audio, audio_real = student.audio_states(lesson.log_mel)
        alike = alike + _alignment(student.summary(audio, 2), student.summary(text[heard], 1), lesson.numbers[heard])
        logits.append(decide(heard, audio, audio_real))
    order = torch.cat([silent, heard])
    answering = losses.mixed(
        torch.cat(logits).float(), lesson.teacher[order], lesson.answers[order], _TEMPERATURE, _TEACHER_WEIGHT
    )
    return answering + _ALIGNMENT_WEIGHT * alike


def _alignment(left: torch.Tensor, right: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    return losses.alignment(left.float(), right.float(), classes, _ALIGNMENT_TEMPERATURE)


def train(
    state: TrainingState[Student],
    stages: list[Stage],
    lessons: Lessons,
    examination: Examination,
    every: int,
    report: Callable[[str], None],
    checkpoint: Callable[[], None],
) -> None:
    """Train to the end of the last stage; every ``every`` steps and at the end, examine, report, ``checkpoint``."""

    def lesson(stage: Stage, within: int) -> tuple[torch.Tensor, list[float]]:
        batch = lessons.batch(state.step, stage.pictures, stage.subsets, easy=within < stage.easy_steps)
        with torch.autocast("cpu", torch.bfloat16):
            loss = lesson_loss(state.model, batch)
        return loss, [warm_cosine(within, stage.steps, stage.rate, _WARM_UP)]

    def examine(_: Stage) -> dict[str, float]:
        return examination.accuracies(state.averaged)

    loop.run(state, stages, lesson, examine, every, report, checkpoint)
