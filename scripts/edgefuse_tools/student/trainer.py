"""Training of the student: the loss of a lesson, stage by stage."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from edgefuse_tools.easyvqa.labels import COLOR_NAMES
from edgefuse_tools.easyvqa.texts import Texts
from edgefuse_tools.student import losses
from edgefuse_tools.student.evaluation import Examination
from edgefuse_tools.student.lessons import QUESTIONS_EACH, Lesson, Lessons, Subsets
from edgefuse_tools.student.model import MODALITIES, Student
from edgefuse_tools.student.speech import FIRST_CAPTION, SPOKEN
from edgefuse_tools.training import loop
from edgefuse_tools.training.schedule import warm_cosine
from edgefuse_tools.training.state import TrainingState

_WARM_UP = 50  # steps at the start of each stage
_TEMPERATURE = 2.0  # of the distillation
_ALIGNMENT_TEMPERATURE = 0.1
_NEAREST_TEMPERATURE = 0.07
_REFRESH = 10  # steps between updates of the text branch's output for all spoken texts


@dataclass(frozen=True)
class Stage:
    """One part of the training.

    pictures: per step, with their questions
    utterances: per step, in addition to the spoken questions
    subsets: sets of modalities of the samples
    easy_steps: number of initial steps with easy questions
    rate: the highest learning rate
    shared_rate: the highest learning rate of the weights used by pictures and typed questions
    """

    steps: int
    pictures: int
    utterances: int
    subsets: Subsets
    easy_steps: int
    rate: float
    shared_rate: float


@dataclass(frozen=True)
class Weights:
    """Weights of the parts of the loss.

    teacher: distillation of the answers; the rest to 1 is cross-entropy with the true answers
    alignment: contrastive, between the modalities' embeddings
    nearest: contrastive, of a recording's embedding with those of all spoken texts
    recognised: classification of a recording's text
    matched: similarity of a recording's state to that of its text
    """

    teacher: float = 0.7
    alignment: float = 0.1
    nearest: float = 0.5
    recognised: float = 0.5
    matched: float = 0.5


@dataclass(frozen=True)
class Read:
    """The text branch's output for every spoken text: states of the first token and embeddings, [131, hidden]."""

    states: torch.Tensor
    embeddings: torch.Tensor


class Learner(nn.Module):
    """The student in training, with a layer that classifies the spoken text and is not exported."""

    def __init__(self, student: Student, weights: Weights = Weights()) -> None:
        super().__init__()
        self.student = student
        self.weights = weights
        self.recognise = nn.Linear(student.sizes.hidden, len(SPOKEN))

    def groups(self) -> list[list[nn.Parameter]]:
        """Two groups with their own rates: weights used only by recordings and sensors, and those used by pictures and
        typed questions."""
        student = self.student
        projections = student.summary_projections
        apart = [student.audio, student.sensors, projections[2], projections[3], self.recognise]
        own = [
            student.audio_start,
            student.audio_positions,
            *(weight for part in apart for weight in part.parameters()),
        ]
        names = set(map(id, own))
        return [own, [weight for weight in self.parameters() if id(weight) not in names]]


@torch.no_grad()
def read(student: Student, texts: Texts) -> Read:
    """Targets of the audio branch for a recording of each of ``texts``."""
    states, _ = student.text_states(texts.ids, texts.mask)
    return Read(states[:, 0].float(), student.summary(states, 1).float())


def lesson_loss(learner: Learner, lesson: Lesson, spoken: Read) -> torch.Tensor:
    """Distillation and cross-entropy of the answers, alignment of the modalities' embeddings, and the hearing loss.

    A picture is encoded once for all its questions, and absent recordings cost nothing.
    """
    student = learner.student
    image, image_real = student.image_states(lesson.images)
    text, text_real = student.text_states(lesson.asked.ids, lesson.asked.mask)
    sensors, sensors_real = student.sensor_states(lesson.sensors)
    described, _ = student.text_states(lesson.captions.ids, lesson.captions.mask)
    shown = student.summary(image, 0).float()
    captions = spoken.embeddings[FIRST_CAPTION:]
    colors = functional.normalize(captions.unflatten(0, (-1, len(COLOR_NAMES))).mean(dim=0), dim=1)
    of_color = (lesson.kinds % len(COLOR_NAMES)).repeat_interleave(QUESTIONS_EACH)
    alike = _nearest(shown, captions, lesson.kinds) + _nearest(student.summary(sensors, 3).float(), colors, of_color)
    aligned = losses.alignment(shown, student.summary(described, 1).float(), lesson.kinds, _ALIGNMENT_TEMPERATURE)
    loss = learner.weights.alignment * (alike + aligned)

    def decide(rows: torch.Tensor, audio: torch.Tensor, audio_real: torch.Tensor) -> torch.Tensor:
        pictures = rows // QUESTIONS_EACH
        own = [
            (image[pictures], image_real[pictures]),
            (text[rows], text_real[rows]),
            (audio, audio_real),
            (sensors[rows], sensors_real[rows]),
        ]
        return student.decide(own, lesson.presence[rows])[0]

    heard = lesson.heard
    silent = torch.nonzero(lesson.presence[:, MODALITIES.index("audio")] == 0)[:, 0]
    no_audio = text.new_zeros(len(silent), 0, text.shape[2])
    logits = [decide(silent, no_audio, no_audio[:, :, 0])] if len(silent) else []
    first = []
    if len(heard):
        audio, audio_real = student.audio_states(lesson.log_mel)
        first.append(audio[:, 0])
        logits.append(decide(heard, audio, audio_real))
    if len(lesson.further):
        first.append(student.audio_states(lesson.further)[0][:, 0])
    if first:
        loss = loss + hearing_loss(learner, torch.cat(first), lesson.spoken, spoken)
    order = torch.cat([silent, heard])
    return loss + losses.mixed(
        torch.cat(logits).float(), lesson.teacher[order], lesson.answers[order], _TEMPERATURE, learner.weights.teacher
    )


def hearing_loss(learner: Learner, heard: torch.Tensor, spoken: torch.Tensor, targets: Read) -> torch.Tensor:
    """Distance between the audio branch and the text branch for the same words.

    The text branch is the teacher of the audio branch: a contrastive loss over all spoken texts, and matching of the
    first tokens' states, which are the inputs of the layers over all modalities, so that these understand speech
    immediately. Texts with the same meaning are similar for the text branch, which makes learning slow, so there is
    also a plain classification.

    heard: [n, hidden], the first token's states; spoken: [n] int64
    """
    student, weights = learner.student, learner.weights
    normed = student.summary_norm(heard)
    embeddings = functional.normalize(student.summary_projections[2](normed).float(), dim=1)
    nearest = _nearest(embeddings, targets.embeddings, spoken)
    recognised = functional.cross_entropy(learner.recognise(normed).float(), spoken)
    matched = losses.feature_matching(heard.float(), targets.states[spoken])
    return weights.nearest * nearest + weights.recognised * recognised + weights.matched * matched


def _nearest(embeddings: torch.Tensor, texts: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of the similarities [n, hidden] x [m, hidden] with the ``targets`` [n] among ``texts``."""
    return functional.cross_entropy(embeddings @ texts.T / _NEAREST_TEMPERATURE, targets)


def train(
    state: TrainingState[Learner],
    stages: list[Stage],
    lessons: Lessons,
    examination: Examination,
    every: int,
    report: Callable[[str], None],
    checkpoint: Callable[[], None],
) -> None:
    """Trains to the end of the last stage; every ``every`` steps and at the end, evaluates, reports, and calls
    ``checkpoint``."""
    spoken = read(state.model.student, lessons.spoken_texts)

    def lesson(stage: Stage, within: int) -> tuple[torch.Tensor, list[float]]:
        nonlocal spoken
        easy = within < stage.easy_steps
        batch = lessons.batch(state.step, stage.pictures, stage.utterances, stage.subsets, easy)
        with torch.autocast("cpu", torch.bfloat16):
            if state.step % _REFRESH == 0:
                spoken = read(state.model.student, lessons.spoken_texts)
            loss = lesson_loss(state.model, batch, spoken)
        return loss, [warm_cosine(within, stage.steps, rate, _WARM_UP) for rate in (stage.rate, stage.shared_rate)]

    def examine(_: Stage) -> dict[str, float]:
        return examination.figures(state.averaged.student)

    loop.run(state, stages, lesson, examine, every, report, checkpoint)
