"""The student's training step: its lesson, its loss, and its initial weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

_REASON = "needs scripts/requirements/train.txt; run it in the training environment"
pytestmark = pytest.mark.training
pytest.importorskip("torch", reason=_REASON)
import torch  # noqa: E402

pytest.importorskip("tokenizers", reason=_REASON)
pytest.importorskip("transformers", reason=_REASON)

from edgefuse_tools.easyvqa import drawing, tokenizer  # noqa: E402
from edgefuse_tools.easyvqa.dataset import Split  # noqa: E402
from edgefuse_tools.easyvqa.labels import ANSWERS  # noqa: E402
from edgefuse_tools.easyvqa.texts import TextEncoder  # noqa: E402
from edgefuse_tools.student.ablations import Ablation  # noqa: E402
from edgefuse_tools.student.lessons import EVERY_SUBSET, QUESTIONS_EACH, TYPED, Lesson, Lessons  # noqa: E402
from edgefuse_tools.student.model import MODALITIES, Sizes, Student, begin_with  # noqa: E402
from edgefuse_tools.student.speech import SPOKEN, Speech  # noqa: E402
from edgefuse_tools.student.trainer import Learner, Read, hearing_loss, lesson_loss, read  # noqa: E402


class Unsure:
    """A teacher for whom all answers are equally likely."""

    def soft_answers(self, images: np.ndarray, asked: Sequence[str]) -> np.ndarray:
        return np.full((len(images) * QUESTIONS_EACH, len(ANSWERS)), -np.log(len(ANSWERS)), dtype=np.float32)


def lessons(folder: Path) -> Lessons:
    """Lessons about four drawings and twelve real pictures, with one short recording of every text."""
    rng = np.random.default_rng(1)
    real = Split(drawing.draw(rng, 12), ["is there a circle?"] * 12, np.full(12, 4), np.arange(12))
    frames = rng.uniform(-1.0, 1.0, size=(len(SPOKEN) * 20, 80)).astype(np.float16)
    speech = Speech(frames, np.arange(len(SPOKEN) + 1) * 20, np.arange(len(SPOKEN)))
    return Lessons(5, 4, real, TextEncoder(tokenizer.build()), speech, Unsure(), folder, lambda _: None)


def sizes() -> Sizes:
    return Sizes(vocabulary=len(tokenizer.vocabulary()), answers=len(ANSWERS), hidden=16, heads=2, feed_forward=24)


def values(lesson: Lesson) -> list[torch.Tensor]:
    return [value for value in vars(lesson).values() if isinstance(value, torch.Tensor)]


@pytest.mark.parametrize("subsets", [TYPED, EVERY_SUBSET])
def test_the_shares_of_the_subsets_sum_to_one(subsets: dict[tuple[int, ...], float]) -> None:
    assert sum(subsets.values()) == pytest.approx(1.0)
    assert all(len(subset) == len(MODALITIES) and any(subset) for subset in subsets)


def test_a_lesson_depends_only_on_its_step(tmp_path: Path) -> None:
    dealt = lessons(tmp_path)
    first = dealt.batch(7, 2, 5, EVERY_SUBSET, easy=False)
    dealt.batch(8, 2, 5, EVERY_SUBSET, easy=False)
    again = lessons(tmp_path).batch(7, 2, 5, EVERY_SUBSET, easy=False)
    assert all(torch.equal(a, b) for a, b in zip(values(first), values(again)))
    assert len(first.spoken) == len(first.heard) + 5 == len(first.log_mel) + len(first.further)
    assert torch.equal(first.presence[first.heard, 2], torch.ones(len(first.heard)))


def test_a_lessons_loss_reaches_every_weight(tmp_path: Path) -> None:
    torch.manual_seed(0)
    learner, dealt = Learner(Student(sizes())), lessons(tmp_path)
    student = learner.student
    for block in student.audio.blocks:
        torch.nn.init.normal_(block.channels.weight)
    lesson = dealt.batch(1, 4, 9, EVERY_SUBSET, easy=False)
    lesson_loss(learner, lesson, read(student, dealt.spoken_texts)).backward()
    without = [name for name, weight in learner.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert without == []


@pytest.mark.parametrize("ablation", list(Ablation))
def test_only_the_part_that_an_ablation_omits_makes_no_difference(ablation: Ablation, tmp_path: Path) -> None:
    torch.manual_seed(0)
    learner, dealt = Learner(ablation.student(sizes()), ablation.weights()), lessons(tmp_path)
    student, lesson = learner.student, dealt.batch(1, 4, 9, EVERY_SUBSET, easy=False)
    spoken = read(student, dealt.spoken_texts)
    loss = lesson_loss(learner, lesson, spoken)
    other_teacher = replace(lesson, teacher=lesson.teacher.roll(1, dims=1))
    differs = not torch.equal(loss, lesson_loss(learner, other_teacher, spoken))
    assert differs == (ablation is not Ablation.DISTILLATION)
    loss.backward()
    projections = [weight.grad for weight in student.summary_projections.parameters()]
    compared = any(grad is not None and bool(grad.any()) for grad in projections)
    assert compared == (ablation is not Ablation.CONTRASTIVE)
    with torch.no_grad():
        (tokens, real), absent = student.image_states(lesson.images), lesson.images.new_zeros(4, 0, 16)
        others = [(absent, absent[:, :, 0])] * 3
        presence = torch.tensor([[1.0, 0.0, 0.0, 0.0]]).expand(4, -1)
        further = torch.cat([tokens[:, :1], tokens[:, 1:] + torch.randn_like(tokens[:, 1:])], dim=1)
        decided, changed = (student.decide([(seen, real), *others], presence)[0] for seen in (tokens, further))
    assert (not torch.allclose(decided, changed, atol=1e-6)) == (ablation is not Ablation.SHARED_ATTENTION)


def test_states_equal_to_the_text_branch_have_a_low_hearing_loss() -> None:
    torch.manual_seed(0)
    learner = Learner(Student(sizes()))
    student = learner.student
    student.summary_projections[2] = student.summary_projections[1]
    states = torch.randn(6, 16)
    with torch.no_grad():
        embeddings = student.summary(states[:, None], 1)
    targets = Read(states, embeddings)
    numbers = torch.arange(6)
    with torch.no_grad():  # classify by the same similarity
        learner.recognise.weight[:6] = 9.0 * student.summary_norm(states)
        learner.recognise.weight[6:] = 0.0
        right = hearing_loss(learner, states, numbers, targets)
        wrong = hearing_loss(learner, states, numbers.roll(1), targets)
    assert float(right) < 0.1 < float(wrong)


def test_a_student_starts_with_the_weights_of_a_smaller_one() -> None:
    torch.manual_seed(0)
    student, earlier = Student(sizes()), Student(sizes()).state_dict()
    fresh = student.modalities.detach().clone().add_(3.0)
    with torch.no_grad():
        student.modalities.copy_(fresh)
    known = {name: weight for name, weight in earlier.items() if not name.startswith(("sensors", "audio.blocks"))}
    known["modalities"] = torch.ones(3, 16)
    own = student.sensors.widen.weight.detach().clone()
    begin_with(student, known | {"gone": torch.ones(2)})
    assert torch.equal(student.words, earlier["words"])
    assert torch.equal(student.modalities[:3], torch.ones(3, 16)) and torch.equal(student.modalities[3], fresh[3])
    assert torch.equal(student.sensors.widen.weight, own)
