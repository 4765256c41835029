"""The student's losses, its independence of absent modalities and of the batch, its graph, and its log-mel."""

from __future__ import annotations

import math

import numpy as np
import pytest

_REASON = "needs scripts/requirements/train.txt; run it in the training environment"
pytestmark = pytest.mark.training
pytest.importorskip("torch", reason=_REASON)
import torch  # noqa: E402

pytest.importorskip("tokenizers", reason=_REASON)

from edgefuse_tools.easyvqa import tokenizer  # noqa: E402
from edgefuse_tools.easyvqa.labels import ANSWERS  # noqa: E402
from edgefuse_tools.easyvqa.texts import TextEncoder  # noqa: E402
from edgefuse_tools.student import losses, onnx_graph  # noqa: E402
from edgefuse_tools.student.forms import Form, Interface, Picture, Readings, Sensor, Sound, Words  # noqa: E402
from edgefuse_tools.student.log_mel import ABSENT_FRAME, log_mel  # noqa: E402
from edgefuse_tools.student.model import MODALITIES, Outputs, Sizes, Student  # noqa: E402

Inputs = dict[str, torch.Tensor]


def small_student() -> Student:
    """A small student with weights large enough that every input matters."""
    torch.manual_seed(3)
    sizes = Sizes(vocabulary=20, answers=5, hidden=16, heads=2, feed_forward=24, image=16, audio_positions=6)
    student = Student(sizes).eval()
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return student


def inputs(batch: int, tokens: int = 7, frames: int = 75) -> Inputs:
    """Random samples with all modalities, without padding."""
    torch.manual_seed(batch)
    return {
        "image": torch.randn(batch, 3, 16, 16),
        "input_ids": torch.randint(0, 20, (batch, tokens)),
        "attention_mask": torch.ones(batch, tokens, dtype=torch.int64),
        "log_mel": torch.rand(batch, 80, frames) * 2 - 1,
        "sensors": torch.rand(batch, 4),
        "presence": torch.ones(batch, len(MODALITIES)),
    }


@torch.inference_mode()
def answer(student: Student, given: Inputs) -> Outputs:
    return student(**given)


def assert_same(left: Outputs, right: Outputs, tolerance: float = 1e-5) -> None:
    for name, a, b in zip(Outputs._fields, left, right):
        assert a.shape == b.shape, name
        assert float((a - b).abs().max()) <= tolerance, name


def test_distillation_of_the_same_answers_is_zero() -> None:
    logits = torch.tensor([[1.0, -2.0, 0.5], [0.0, 0.0, 3.0]])
    shifted = logits + torch.tensor([[5.0], [-1.0]])  # the same distributions
    assert float(losses.distillation(logits, shifted, 3.0)) == pytest.approx(0.0, abs=1e-6)


def test_distillation_against_a_manual_result() -> None:
    # At temperature 2 the teacher's (2 ln 3, 0) becomes (3/4, 1/4) and the student's (0, 0) becomes (1/2, 1/2);
    # the second sample agrees, so the batch mean halves the divergence; times temperature squared.
    student = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    teacher = torch.tensor([[2.0 * math.log(3.0), 0.0], [4.0, 4.0]])
    divergence = 0.75 * math.log(0.75 / 0.5) + 0.25 * math.log(0.25 / 0.5)
    assert float(losses.distillation(student, teacher, 2.0)) == pytest.approx(4.0 * divergence / 2.0, rel=1e-5)


def test_mixed_is_the_weighted_sum() -> None:
    student = torch.tensor([[0.0, 0.0]])
    teacher = torch.tensor([[math.log(3.0), 0.0]])
    soft = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    expected = 0.7 * soft + 0.3 * math.log(2.0)
    assert float(losses.mixed(student, teacher, torch.tensor([1]), 1.0, 0.7)) == pytest.approx(expected, rel=1e-5)


def test_alignment_against_a_manual_result() -> None:
    left = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    right = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    # One class: all pairs count equally. Rows of similarity: (1, 1) and (0, 0); columns: (1, 0) twice.
    column = 0.5 * (math.log(1 + math.exp(-1.0)) + math.log(1 + math.exp(1.0)))
    expected = 0.5 * (math.log(2.0) + column)
    assert float(losses.alignment(left, right, torch.tensor([4, 4]), 1.0)) == pytest.approx(expected, rel=1e-5)


def test_alignment_prefers_matching_pairs() -> None:
    unit = torch.eye(3)
    matched = losses.alignment(unit, unit, torch.arange(3), 0.1)
    crossed = losses.alignment(unit, unit.roll(1, dims=0), torch.arange(3), 0.1)
    assert float(matched) < 0.01 < float(crossed)


@pytest.mark.parametrize("absent", range(len(MODALITIES)))
def test_the_input_of_an_absent_modality_changes_nothing(absent: int) -> None:
    student, given = small_student(), inputs(2)
    given["presence"][:, absent] = 0.0
    other = dict(given)
    name = ("image", "input_ids", "log_mel", "sensors")[absent]
    other[name] = (given[name] + 1) % 20 if name == "input_ids" else given[name].flip(-1) * 0.5
    assert_same(answer(student, given), answer(student, other), tolerance=0.0)


def test_an_absent_modality_may_have_the_smallest_size() -> None:
    student, given = small_student(), inputs(2)
    given["presence"][:] = torch.tensor([1.0, 0.0, 0.0, 0.0])
    smallest = inputs(2, tokens=1, frames=1) | {name: given[name] for name in ("image", "sensors", "presence")}
    assert_same(answer(student, given), answer(student, smallest))


@pytest.mark.parametrize("present", range(len(MODALITIES)))
def test_a_present_modality_matters_and_has_a_unit_embedding(present: int) -> None:
    student, given = small_student(), inputs(3)
    given["presence"][:] = 0.0
    nothing = answer(student, given)
    given["presence"][:, present] = 1.0
    something = answer(student, given)
    assert float((nothing.logits - something.logits).abs().max()) > 1e-3
    assert torch.allclose(something.embedding.norm(dim=1), torch.ones(3), atol=1e-5)
    for index, embedding in enumerate(something[2:]):
        assert torch.allclose(embedding.norm(dim=1), torch.full((3,), float(index == present)), atol=1e-5)


def test_a_sample_does_not_depend_on_the_rest_of_its_batch() -> None:
    student = small_student()
    short, long = inputs(1, tokens=3, frames=37), inputs(1, tokens=9, frames=90)
    short["presence"][0, 0] = 0.0
    padded = {
        "image": short["image"],
        "input_ids": torch.nn.functional.pad(short["input_ids"], (0, 6), value=11),
        "attention_mask": torch.nn.functional.pad(short["attention_mask"], (0, 6)),
        "log_mel": torch.nn.functional.pad(short["log_mel"], (0, 53), value=ABSENT_FRAME),
        "sensors": short["sensors"],
        "presence": short["presence"],
    }
    together = answer(student, {name: torch.cat([padded[name], long[name]]) for name in padded})
    for index, alone in enumerate((short, long)):
        assert_same(answer(student, alone), Outputs(*(part[index : index + 1] for part in together)))


def small_interface() -> Interface:
    forms: dict[str, Form] = {
        "image": Picture(16, 16, (0.5,) * 3, (0.5,) * 3),
        "text": Words(tokenizer.build(), 64, 0),
        "audio": Sound(),
        "sensors": Readings(tuple(Sensor(name, "", 0.0, 1.0) for name in "abcd")),
    }
    return Interface({name: forms[name] for name in MODALITIES}, list("abcde"), 16)


def test_the_graph_has_the_models_outputs() -> None:
    ort_session = pytest.importorskip("edgefuse_tools.ort_session", reason=_REASON)
    student = small_student()
    graph = onnx_graph.trace(student, small_interface()).SerializeToString()
    session = ort_session.open_session(graph)
    assert [output.name for output in session.get_outputs()] == list(Outputs._fields)
    for batch, tokens, frames in ((1, 1, 1), (3, 7, 75), (2, 4, 130)):
        given = inputs(batch, tokens, frames)
        given["presence"][0, batch % len(MODALITIES)] = 0.0
        given["attention_mask"][0, 1:] = 0
        given["log_mel"][0, :, frames // 2 + 1 :] = ABSENT_FRAME
        outputs = session.run(None, {name: tensor.numpy() for name, tensor in given.items()})
        assert_same(answer(student, given), Outputs(*map(torch.from_numpy, outputs)), tolerance=2e-5)


def test_log_mel_has_a_frame_per_ten_milliseconds_and_whispers_range() -> None:
    seconds = np.arange(8000) / 16000.0
    tone = (0.5 * np.sin(2.0 * np.pi * 1000.0 * seconds)).astype(np.float32)
    frames = log_mel(tone)
    assert frames.shape == (80, 50)
    assert frames.max() - frames.min() == pytest.approx(2.0), "eight decades are kept, divided by 4"
    assert set(frames[:, 10:40].argmax(axis=0)) <= {25, 26, 27}, "1 kHz lies there on Slaney's scale"
    assert log_mel(np.zeros(1, dtype=np.float32)).shape == (80, 1)


def test_unknown_words_split_into_letters() -> None:
    wordpiece = tokenizer.build()
    assert wordpiece.encode("What COLOUR?").tokens == ["[CLS]", "what", "colour", "?", "[SEP]"]
    assert wordpiece.encode("box7").tokens == ["[CLS]", "b", "##o", "##x", "##7", "[SEP]"]
    assert len(set(tokenizer.vocabulary())) == len(tokenizer.vocabulary()) == wordpiece.get_vocab_size()


def test_every_answer_is_one_token_between_start_and_end() -> None:
    encoder = TextEncoder(tokenizer.build())
    pieces = tokenizer.vocabulary()
    targets = encoder.targets(list(ANSWERS))
    assert [[pieces[i] for i in row] for row in targets.ids] == [["[DEC]", answer, "[SEP]"] for answer in ANSWERS]
    assert targets.mask.all()
