"""The fusion models: independent samples, no effect of absent modalities, their losses, and their graphs."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

_REASON = "needs scripts/requirements/train.txt; run it in the training environment"
pytestmark = pytest.mark.training
pytest.importorskip("torch", reason=_REASON)
import torch  # noqa: E402

pytest.importorskip("tokenizers", reason=_REASON)

import yaml  # noqa: E402

from edgefuse_tools import ROOT  # noqa: E402
from edgefuse_tools.easyvqa import tokenizer  # noqa: E402
from edgefuse_tools.student import losses, onnx_graph  # noqa: E402
from edgefuse_tools.student.attention import Attention, SharedAttention  # noqa: E402
from edgefuse_tools.student.forms import Embedding, Interface, Picture, Readings, Sensor, Sound, Words  # noqa: E402
from edgefuse_tools.student.fusion import ARCHITECTURES, FusionModel, Widths  # noqa: E402
from edgefuse_tools.student.model_folder import write_model  # noqa: E402

Inputs = dict[str, torch.Tensor]
SENSORS = Readings((Sensor("temperature", "°C", 20.0, 5.0), Sensor("humidity", "%", 50.0, 20.0)))
RAW = Interface(
    {
        "sensors": SENSORS,
        "image": Picture(16, 16, (0.5,) * 3, (0.5,) * 3),
        "text": Words(tokenizer.build(), 12, 0),
        "audio": Sound(),
    },
    list("abcde"),
    16,
)
#: ResNet-50's pooled features and a sentence embedding, the usual inputs of cross-modal models.
EMBEDDED = Interface(
    {"image": Embedding(2048, "ResNet-50"), "text": Embedding(768, "a sentence encoder")}, list("abcde"), 512
)
INTERFACES = {"raw": RAW, "embedded": EMBEDDED}
CASES = [(name, architecture) for name in INTERFACES for architecture in ARCHITECTURES]


def model(name: str, architecture: str) -> FusionModel:
    """A model with weights large enough that every input matters, without dropout."""
    torch.manual_seed(5)
    built = ARCHITECTURES[architecture](INTERFACES[name], Widths(heads=2, feed_forward=24)).eval()
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return built


def inputs(interface: Interface, batch: int, tokens: int = 7, frames: int = 60) -> Inputs:
    """Random samples with all modalities, without padding."""
    torch.manual_seed(batch)
    lengths: dict[Any, int] = {"batch": batch, "tokens": tokens, "frames": frames}
    given = {}
    for role, port in interface.inputs().items():
        shape = [lengths.get(axis, axis) for axis in port.shape]
        given[role] = torch.randn(shape) if port.element == "float32" else torch.randint(1, 20, shape)
    if "attention_mask" in given:
        given["attention_mask"] = torch.ones_like(given["attention_mask"])
    if "log_mel" in given:
        given["log_mel"] = given["log_mel"].clamp(-1.5, 1.5)
    return given | {"presence": torch.ones_like(given["presence"])}


def largest_difference(left: Inputs, right: Inputs) -> float:
    assert left.keys() == right.keys()
    return max(float((left[name] - right[name]).abs().max()) for name in left)


@pytest.mark.parametrize(("name", "architecture"), CASES)
@torch.inference_mode()
def test_a_sample_does_not_depend_on_the_rest_of_its_batch(name: str, architecture: str) -> None:
    built, given = model(name, architecture), inputs(INTERFACES[name], 3)
    given["presence"][1, 0] = 0.0
    together = built(**given)
    for row in range(3):
        alone = built(**{role: tensor[row : row + 1] for role, tensor in given.items()})
        assert largest_difference(alone, {role: tensor[row : row + 1] for role, tensor in together.items()}) < 1e-5


@pytest.mark.parametrize(("name", "architecture"), CASES)
@torch.inference_mode()
def test_the_input_of_an_absent_modality_changes_nothing(name: str, architecture: str) -> None:
    interface = INTERFACES[name]
    built = model(name, architecture)
    for index, (modality, form) in enumerate(interface.forms.items()):
        given = inputs(interface, 2)
        present = built(**given)
        given["presence"][:, index] = 0.0
        other = dict(given)
        for role in form.ports(modality):
            other[role] = torch.ones_like(given[role]) if role == "attention_mask" else given[role].flip(-1)
        absent = built(**given)
        assert largest_difference(absent, built(**other)) == 0.0, modality
        assert float((absent["logits"] - present["logits"]).abs().max()) > 1e-3, f"{modality} does not matter"
        assert float(absent[f"{modality}_embedding"].abs().max()) == 0.0
        norms = present[f"{modality}_embedding"].norm(dim=1)
        assert torch.allclose(norms, torch.ones(2), atol=1e-5)


@torch.inference_mode()
def test_padding_of_texts_and_sounds_changes_nothing() -> None:
    built = model("raw", "shared")
    given = inputs(RAW, 1, tokens=3, frames=37)
    padded = dict(given)
    padded["input_ids"] = torch.nn.functional.pad(given["input_ids"], (0, 6), value=11)
    padded["attention_mask"] = torch.nn.functional.pad(given["attention_mask"], (0, 6))
    padded["log_mel"] = torch.nn.functional.pad(given["log_mel"], (0, 53), value=-4.0)
    assert largest_difference(built(**given), built(**padded)) < 1e-5


def test_attention_is_over_tokens_and_not_over_the_batch() -> None:
    attention = Attention(8, 2)
    tokens, others = torch.randn(3, 4, 8), torch.randn(3, 5, 8)
    seen = torch.ones(3, 5)
    seen[1, 3:] = 0.0
    weights = attention.weights(tokens, others, seen)
    assert weights.shape == (3, 2, 4, 5)
    assert torch.allclose(weights.sum(dim=3), torch.ones(3, 2, 4))
    assert float(weights[1, :, :, 3:].abs().max()) == 0.0
    changed = others.clone()
    changed[2] += 1.0
    difference = (attention(tokens, others, seen) - attention(tokens, changed, seen)).abs().amax(dim=(1, 2))
    assert float(difference[:2].max()) == 0.0 and float(difference[2]) > 0.0


def test_shared_attention_distinguishes_modalities() -> None:
    shared = SharedAttention(2, 8, heads=2, feed_forward=16, layers=1, dropout=0.0)
    with torch.no_grad():
        shared.modalities.copy_(torch.randn(2, 8))
    first, second = torch.randn(1, 3, 8), torch.randn(1, 3, 8)
    real = torch.ones(1, 3)
    there = torch.ones(1, 2)
    one_way = shared([(first, real), (second, real)], there)
    other_way = shared([(second, real), (first, real)], there)
    assert float((one_way - other_way).abs().max()) > 1e-4


def test_contrastive_against_a_manual_result() -> None:
    # Orthogonal pairs: s on the diagonal, 0 elsewhere, so each row costs ln(1 + e^-s).
    unit = torch.eye(2)
    assert float(losses.contrastive(unit, unit, 3.0)) == pytest.approx(math.log(1.0 + math.exp(-3.0)), rel=1e-5)
    # Both vectors on the right are equal: rows cost ln 2, columns are (s, 0) and (0, s).
    same = torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    columns = 0.5 * (math.log(1.0 + math.exp(-3.0)) + math.log(1.0 + math.exp(3.0)))
    expected = 0.5 * (math.log(2.0) + columns)
    assert float(losses.contrastive(unit, same, 3.0)) == pytest.approx(expected, rel=1e-5)


def test_contrastive_is_smallest_where_pairs_are_aligned() -> None:
    torch.manual_seed(0)
    left = torch.nn.functional.normalize(torch.randn(4, 8), dim=1)
    right = torch.randn(4, 8, requires_grad=True)
    optimizer = torch.optim.Adam([right], lr=0.1)
    start = float(losses.contrastive(left, torch.nn.functional.normalize(right.detach(), dim=1), 20.0))
    for _ in range(200):
        loss = losses.contrastive(left, torch.nn.functional.normalize(right, dim=1), 20.0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    similarity = left @ torch.nn.functional.normalize(right.detach(), dim=1).T
    assert similarity.argmax(dim=1).tolist() == similarity.argmax(dim=0).tolist() == [0, 1, 2, 3]
    # All N² pairs take part: a softmax over only the N pairs would not see this permutation's cost.
    aligned = float(losses.contrastive(left, left, 20.0))
    crossed = float(losses.contrastive(left, left.roll(1, dims=0), 20.0))
    assert aligned < min(start, crossed) and float(loss) < 0.05


def test_contrastive_learns_its_temperature_and_skips_incomplete_samples() -> None:
    loss = losses.Contrastive()
    assert float(loss.scale()) == pytest.approx(1.0 / 0.07, rel=1e-5)
    left, right = torch.eye(3), torch.eye(3).clone()
    right[2] = -right[2]  # would cost much, but it is marked as absent
    presence = torch.tensor([[1.0, 1.0], [1.0, 1.0], [1.0, 0.0]])
    value = loss([left, right], presence)
    assert float(value) == pytest.approx(math.log(1.0 + math.exp(-1.0 / 0.07)), abs=1e-5)
    value.backward()
    assert loss.log_scale.grad is not None
    assert float(loss([left, right], torch.eye(3)[:, :2])) == 0.0


@pytest.mark.parametrize("temperature", [20.0, 40.0, 80.0])
def test_the_gradient_of_distillation_does_not_depend_on_a_high_temperature(temperature: float) -> None:
    # For high T the gradient tends to (student - teacher) / answers, each centred; without T² it would fall with T².
    student = torch.tensor([[1.0, -1.0, 0.5], [0.2, 0.4, -0.6]], requires_grad=True)
    teacher = torch.tensor([[0.0, 2.0, -2.0], [1.0, -0.5, -0.5]])
    losses.distillation(student, teacher, temperature).backward()
    centred = [it - it.mean(dim=1, keepdim=True) for it in (student.detach(), teacher)]
    limit = (centred[0] - centred[1]) / 3.0 / 2.0  # answers, batch
    assert torch.allclose(student.grad, limit, atol=0.03)


def test_feature_and_attention_matching_against_manual_results() -> None:
    student = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    teacher = torch.tensor([[5.0, 0.0], [1.0, 0.0]])
    assert float(losses.feature_matching(student, teacher)) == pytest.approx((0.0 + 2.0) / 2.0)
    attends = torch.tensor([[[[0.5, 0.5], [1.0, 0.0]]]])  # batch 1, one head, two queries, two keys
    teacher_attends = torch.tensor([[[[0.75, 0.25], [1.0, 0.0]]]])
    divergence = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    both, first = torch.tensor([[1.0, 1.0]]), torch.tensor([[1.0, 0.0]])
    assert float(losses.attention_matching(attends, teacher_attends, both)) == pytest.approx(divergence / 2.0, rel=1e-5)
    assert float(losses.attention_matching(attends, teacher_attends, first)) == pytest.approx(divergence, rel=1e-5)


@pytest.mark.parametrize(("name", "architecture"), CASES)
def test_the_graph_has_the_models_outputs(name: str, architecture: str) -> None:
    ort_session = pytest.importorskip("edgefuse_tools.ort_session", reason=_REASON)
    interface, built = INTERFACES[name], model(name, architecture)
    content = onnx_graph.trace(built, interface, temperature=2.0).SerializeToString(deterministic=True)
    session = ort_session.open_session(content)
    names = {role: port.name for role, port in interface.inputs().items()}
    for batch, tokens, frames in ((1, 1, 8), (3, 7, 75)):
        given = inputs(interface, batch, tokens, frames)
        given["presence"][0, batch % 2] = 0.0
        fed = {names[role]: tensor.numpy() for role, tensor in given.items()}
        outputs = dict(zip((it.name for it in session.get_outputs()), session.run(None, fed)))
        with torch.inference_mode():
            reference = built(**given)
        assert list(outputs) == list(interface.outputs())
        for role, value in outputs.items():
            expected = reference[role].numpy() / (2.0 if role == "logits" else 1.0)
            assert np.abs(value - expected).max() < 5e-5, role


def test_the_graph_of_the_same_weights_is_the_same() -> None:
    built = model("embedded", "cross-modal")
    graphs = [onnx_graph.trace(built, EMBEDDED).SerializeToString(deterministic=True) for _ in range(2)]
    assert graphs[0] == graphs[1]
    assert b"/" not in graphs[0].split(b"edgefuse")[0] and str(ROOT).encode() not in graphs[0]


def test_the_folder_of_the_resnet_and_sentence_model_describes_its_inputs(tmp_path: Path) -> None:
    source = {"weights": "random", "origin": "a test", "license": "none", "exporter": "tests/python/test_fusion.py"}
    write_model(
        model("embedded", "cross-modal"), EMBEDDED, tmp_path / "embedded", source, extras={"README.md": "# card\n"}
    )
    description = yaml.safe_load((tmp_path / "embedded" / "model.yaml").read_text(encoding="utf-8"))
    assert description["modalities"] == ["image", "text"]
    assert description["image_embedding"] == {"length": 2048, "made_by": "ResNet-50"}
    graph = description["graphs"]["student"]
    assert graph["inputs"]["text_embedding"] == {
        "name": "text_embedding_in",
        "type": "float32",
        "shape": ["batch", 768],
    }
    assert graph["outputs"]["text_embedding"]["shape"] == ["batch", 512]
    assert sorted(description["files"]) == ["student.onnx"]
