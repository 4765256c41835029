"""The rotated encoder of 8-bit Whisper: an equivalent model, with smaller rounding errors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tiny_whisper as tiny
from edgefuse_tools.export.graphs.graph import Dialect, GraphBuilder
from edgefuse_tools.export.graphs.linear import linear, linear_after_gelu
from edgefuse_tools.export.graphs.precision import Precision
from edgefuse_tools.export.graphs.rotation import by_head, rotation
from edgefuse_tools.export.whisper.graphs import build_encoder
from edgefuse_tools.export.whisper.rotated import rotated_encoder
from edgefuse_tools.export.whisper.weights import WhisperWeights, read_weights
from edgefuse_tools.ort_session import open_session


@pytest.fixture(params=["CTranslate2", "Hugging Face"])
def weights(request: pytest.FixtureRequest, tmp_path: Path) -> WhisperWeights:
    write = tiny.write_ctranslate2 if request.param == "CTranslate2" else tiny.write_hugging_face
    return read_weights(write(tmp_path / "checkpoint", tiny.tiny_tensors()))


def run(g: GraphBuilder, path: Path, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    g.save(path)
    return open_session(path).run(None, feeds)


@pytest.mark.parametrize("size", [1, 2, 64, 384])
def test_a_rotation_keeps_lengths_and_means(size: int) -> None:
    matrix = rotation(size)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(size), atol=1e-6)
    np.testing.assert_allclose(matrix.sum(axis=1), np.ones(size), atol=1e-6)


def test_a_rotation_spreads_a_single_large_channel() -> None:
    matrix = rotation(384)
    assert np.abs(matrix).max() < 0.25
    blocks = by_head(12, 3)
    assert not blocks[:4, 4:].any()
    np.testing.assert_allclose(blocks @ blocks.T, np.eye(12), atol=1e-6)


def test_a_rotated_encoder_gives_the_same(weights: WhisperWeights, tmp_path: Path) -> None:
    feeds = {
        "log_mel": np.random.default_rng(1).normal(size=(2, tiny.MELS, 2 * tiny.ENCODER_POSITIONS)).astype(np.float32)
    }
    plain, turned = (
        run(build_encoder(which, Dialect.ORT, Precision.FP32), tmp_path / name, feeds)
        for which, name in ((weights, "plain.onnx"), (rotated_encoder(weights), "turned.onnx"))
    )
    assert len(plain) == len(turned)
    for expected, found in zip(plain, turned):
        np.testing.assert_allclose(found, expected, atol=2e-5)


def test_one_large_position_does_not_coarsen_the_others(tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    weight, bias = random.normal(size=(32, 64)), random.normal(size=32)
    x = np.maximum(random.normal(size=(1, 50, 64)), -0.17).astype(np.float32)
    x[0, 7, 5] = 500.0
    expected = x @ weight.T + bias
    errors = []
    for product in (linear, linear_after_gelu):
        g = GraphBuilder("product", Dialect.ORT, Precision.INT8)
        y = product(g, g.input("x", "float32", ["batch", "tokens", 64]), "layer", weight, bias)
        g.output("y", y, "float32", ["batch", "tokens", 32])
        (found,) = run(g, tmp_path / f"{product.__name__}.onnx", {"x": x})
        errors.append(np.abs(np.delete(found - expected, 7, axis=1)).max())
    assert errors[1] < 0.2 < 3 < errors[0]
