"""The student's training loop."""

from __future__ import annotations

from collections.abc import Callable

import torch

from student import losses
from student.evaluation import Examination
from student.lessons import QUESTIONS_EACH, Lesson, Lessons
from student.model import MODALITIES, Student
from training.progress import Pace
from training.schedule import warm_cosine
from training.state import TrainingState

_HIGHEST_RATE = 8e-4
_WARM_UP = 200  # steps
_PICTURES = 40  # a step
_TEMPERATURE = 2.0  # of the distillation
_TEACHER_WEIGHT = 0.7  # the rest is cross-entropy with the true answers
_ALIGNMENT_WEIGHT = 0.1
_ALIGNMENT_TEMPERATURE = 0.1


def lesson_loss(student: Student, lesson: Lesson) -> torch.Tensor:
    """Distillation and cross-entropy of the answers, and the two alignments of the modalities' embeddings.

    A picture is encoded once for all its questions, and nothing is spent on recordings that are absent.
    """
    image, image_real = student.image_states(lesson.images)
    text, text_real = student.text_states(lesson.asked.ids, lesson.asked.mask)
    spoken = lesson.presence[:, MODALITIES.index("audio")] > 0
    heard, silent = torch.nonzero(spoken)[:, 0], torch.nonzero(~spoken)[:, 0]
    audio, audio_real = student.audio_states(lesson.log_mel[heard])
    no_audio = (audio.new_zeros(len(silent), 0, audio.shape[2]), audio_real.new_zeros(len(silent), 0))
    logits = []
    for rows, sound in ((heard, (audio, audio_real)), (silent, no_audio)):
        pictures = rows // QUESTIONS_EACH
        own = [(image[pictures], image_real[pictures]), (text[rows], text_real[rows]), sound]
        logits.append(student.decide(own, lesson.presence[rows])[0])
    order = torch.cat([heard, silent])
    answering = losses.mixed(
        torch.cat(logits).float(), lesson.teacher[order], lesson.answers[order], _TEMPERATURE, _TEACHER_WEIGHT
    )
    described, _ = student.text_states(lesson.captions.ids, lesson.captions.mask)
    seen_alike = _alignment(student.summary(image, 0), student.summary(described, 1), lesson.kinds)
    said_alike = _alignment(student.summary(audio, 2), student.summary(text[heard], 1), lesson.spoken[heard])
    return answering + _ALIGNMENT_WEIGHT * (seen_alike + said_alike)


def _alignment(left: torch.Tensor, right: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    return losses.alignment(left.float(), right.float(), classes, _ALIGNMENT_TEMPERATURE)


def train(
    state: TrainingState[Student],
    lessons: Lessons,
    examination: Examination,
    steps: int,
    every: int,
    report: Callable[[str], None],
    checkpoint: Callable[[], None],
) -> None:
    """Train up to ``steps``; every ``every`` steps and at the end, examine, report and call ``checkpoint``."""
    pace, total = Pace(state.step, steps), 0.0
    while state.step < steps:
        lesson = lessons.batch(state.step, _PICTURES)
        with torch.autocast("cpu", torch.bfloat16):
            loss = lesson_loss(state.model, lesson)
        state.update(loss, [warm_cosine(state.step, steps, _HIGHEST_RATE, _WARM_UP)])
        total += loss.item()
        if state.step % every and state.step != steps:
            continue
        figures = " ".join(f"{name} {value:.4f}" for name, value in examination.accuracies(state.averaged).items())
        report(f"step {state.step}/{steps} loss {total / every:.4f} {figures} | {pace.describe(state.step)}")
        total = 0.0
        checkpoint()
