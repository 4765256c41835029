"""scripts/export.py vad: the folder, its graph against numpy, and errors for bad input."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper

from edgefuse_tools.export.vad.command import main
from edgefuse_tools.export.vad.weights import BINS, CONVOLUTIONS, HIDDEN, HOP, SHAPES, WINDOW
from edgefuse_tools.ort_session import open_session

TOLERANCE = 1e-5

Weights = dict[str, np.ndarray]


def random_weights(seed: int = 1) -> Weights:
    """Large enough for different probabilities."""
    random = np.random.default_rng(seed)
    return {
        name: (2 * random.normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
        for name, shape in SHAPES.items()
    }


def write_shipped(path: Path, weights: Weights) -> Path:
    """A file like that of the package, as far as the exporter reads it: one `If`, with the 16 kHz weights in one
    branch."""

    def branch(side: str, content: Weights) -> onnx.GraphProto:
        nodes = [
            helper.make_node("Constant", [], [f"{side}_Inline_0__{name}"], value=numpy_helper.from_array(array))
            for name, array in content.items()
        ]
        nodes.append(helper.make_node("Identity", ["input"], [f"{side}_output"]))
        return helper.make_graph(nodes, side, [], [helper.make_tensor_value_info(f"{side}_output", 1, None)])

    other = {name: np.zeros(3, np.float32) for name in weights}
    node = helper.make_node(
        "If", ["is_16k"], ["output"], then_branch=branch("then", weights), else_branch=branch("else", other)
    )
    inputs = [
        helper.make_tensor_value_info("input", TensorProto.FLOAT, [None, None]),
        helper.make_tensor_value_info("is_16k", TensorProto.BOOL, []),
    ]
    graph = helper.make_graph([node], "shipped", inputs, [helper.make_tensor_value_info("output", 1, None)])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 16)]), path)
    return path


def reference(weights: Weights, rows: np.ndarray) -> np.ndarray:
    """The probabilities of consecutive chunks with their contexts [chunks, 576], in float64."""
    w = {name: array.astype(np.float64) for name, array in weights.items()}
    padded = np.pad(rows.astype(np.float64), ((0, 0), (0, 64)), mode="reflect")
    windows = np.stack([padded[:, first : first + WINDOW] for first in range(0, 640 - WINDOW + 1, HOP)], axis=1)
    spectrum = windows @ w["stft.forward_basis_buffer"][:, 0].T
    x = np.hypot(spectrum[..., :BINS], spectrum[..., BINS:])
    for layer, (_, _, stride) in enumerate(CONVOLUTIONS):
        kernel, bias = (w[f"encoder.{layer}.reparam_conv.{part}"] for part in ("weight", "bias"))
        framed = np.pad(x, ((0, 0), (1, 1), (0, 0)))
        x = np.stack(
            [
                np.einsum("ctk,okt->co", framed[:, first : first + 3], kernel) + bias
                for first in range(0, x.shape[1], stride)
            ],
            axis=1,
        ).clip(0)
    hidden, cell, found = np.zeros(HIDDEN), np.zeros(HIDDEN), []
    for features in x[:, 0]:
        gates = w["decoder.rnn.weight_ih"] @ features + w["decoder.rnn.bias_ih"]
        gates += w["decoder.rnn.weight_hh"] @ hidden + w["decoder.rnn.bias_hh"]
        i, f, c, o = np.split(gates, 4)
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(c)
        hidden = sigmoid(o) * np.tanh(cell)
        found.append(w["decoder.decoder.2.weight"][0, :, 0] @ hidden.clip(0) + w["decoder.decoder.2.bias"][0])
    return sigmoid(np.array(found))


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def run(folder: Path, rows: np.ndarray, block: int) -> np.ndarray:
    session = open_session(folder / "vad.onnx")
    hidden, cell = np.zeros((2, 1, 1, HIDDEN), np.float32)
    found = []
    for first in range(0, len(rows), block):
        fed = {"samples": rows[first : first + block], "state_h": hidden, "state_c": cell}
        speech, hidden, cell = session.run(["speech", "next_state_h", "next_state_c"], fed)
        found.append(speech)
    return np.concatenate(found)


@pytest.mark.parametrize("block", [1, 5, 40])
def test_the_graph_agrees_with_numpy(tmp_path: Path, block: int) -> None:
    weights = random_weights()
    assert main([str(write_shipped(tmp_path / "silero_vad.onnx", weights)), str(tmp_path / "out")]) == 0
    random = np.random.default_rng(2)
    rows = (random.normal(0, 0.3, (40, 576)) * random.random((40, 1))).astype(np.float32)
    expected = reference(weights, rows)
    assert np.ptp(expected) > 0.05
    np.testing.assert_allclose(run(tmp_path / "out", rows, block), expected, atol=TOLERANCE)


def test_the_folder_describes_its_content(tmp_path: Path) -> None:
    shipped, target = write_shipped(tmp_path / "silero_vad.onnx", random_weights()), tmp_path / "out"
    assert main([str(shipped), str(target), "--name", "ears", "--origin", "here", "--license", "MIT"]) == 0
    found = yaml.safe_load((target / "model.yaml").read_text("utf-8"))
    assert (found["kind"], found["name"], found["dialect"], found["opset"]) == ("vad", "ears", "standard", 17)
    assert found["source"]["license"] == "MIT"
    assert found["audio"] == {"sample_rate": 16_000, "chunk_samples": 512, "context_samples": 64}
    for name, entry in found["files"].items():
        assert entry["sha256"] == hashlib.sha256((target / name).read_bytes()).hexdigest()
    model = onnx.load(target / "vad.onnx")
    assert model.ir_version == 8
    assert {opset.domain for opset in model.opset_import} == {""}
    onnx.checker.check_model(str(target / "vad.onnx"), full_check=True)


def broken(name: str) -> Weights:
    weights = random_weights()
    if name == "missing":
        del weights["decoder.rnn.weight_hh"]
    if name == "shape":
        weights["encoder.2.reparam_conv.bias"] = np.zeros(65, np.float32)
    if name == "type":
        weights["encoder.2.reparam_conv.bias"] = np.zeros(64, np.float16)
    return weights


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("missing", "weight decoder.rnn.weight_hh of the 16 kHz network is missing"),
        ("shape", "weight encoder.2.reparam_conv.bias is FLOAT [65]; expected FLOAT [64]"),
        ("type", "weight encoder.2.reparam_conv.bias is FLOAT16 [64]; expected FLOAT [64]"),
    ],
)
def test_weights_that_are_not_silero_s(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, expected: str
) -> None:
    shipped = write_shipped(tmp_path / "silero_vad.onnx", broken(name))
    refuses(shipped, tmp_path / "out", expected, capsys)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "No such file or directory"),
        (b"these are no weights", "not an ONNX file"),
        (b"", "no choice of sampling rates"),
    ],
)
def test_files_that_are_not_silero_s(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes | None, expected: str
) -> None:
    path = tmp_path / "silero_vad.onnx"
    if content is not None:
        path.write_bytes(content)
    refuses(path, tmp_path / "out", expected, capsys)


def test_another_model_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = Path(__file__).resolve().parents[2] / "onnx/student/student.onnx"
    refuses(other, tmp_path / "out", "no choice of sampling rates", capsys)


def refuses(source: Path, target: Path, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(source), str(target)]) == 2
    message = capsys.readouterr().err
    assert message.startswith(f"error: {source}: ")
    assert expected in message
    assert message.count("\n") == 1
    assert not target.exists()
