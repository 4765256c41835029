"""The precisions of scripts/export.py whisper: rounding of weights, and accuracy of the graphs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

import tiny_whisper as tiny
from edgefuse_tools.export.graphs.graph import Dialect, GraphBuilder
from edgefuse_tools.export.graphs.linear import EmbeddingTable, linear
from edgefuse_tools.export.graphs.precision import (
    BITS,
    BLOCK,
    Precision,
    block_integers,
    block_scales,
    channel_integers,
    channel_scales,
)
from edgefuse_tools.export.whisper.command import main
from edgefuse_tools.ort_session import open_session
from edgefuse_tools.parity.whisper_onnx import OnnxWhisper

ALL = [precision.value for precision in Precision]
ERRORS = {"fp16": 1e-5, "int8": 0.02, "q8": 0.02, "q4": 0.2}
"""Largest root mean square error of the logits, relative to their standard deviation."""


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    checkpoint = tiny.write_ctranslate2(folder / "checkpoint", tiny.tiny_tensors())
    assert main([str(checkpoint), str(folder / "out"), "--precision", *ALL]) == 0
    return folder / "out"


def weights(outputs: int, inputs: int) -> np.ndarray:
    values = np.random.default_rng(4).normal(0, 0.3, (outputs, inputs)).astype(np.float32)
    values[1] = 0
    return values


def dequantised(values: np.ndarray, bits: int, block: int) -> np.ndarray:
    """The weights as seen by MatMulNBits: [out, in]."""
    packed, scales = block_integers(values, bits, block), block_scales(values, bits, block)
    integers = packed.astype(np.int32)
    if bits == 4:
        integers = np.stack([integers & 15, integers >> 4], axis=-1).reshape(*packed.shape[:2], block)
    whole = (integers - (1 << bits - 1)) * scales[..., None]
    return whole.reshape(len(values), -1)[:, : values.shape[1]]


def run(g: GraphBuilder, path: Path, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    g.save(path)
    return open_session(path).run(None, feeds)


def test_channels_are_rounded_to_the_nearest_step() -> None:
    values = weights(5, 40)
    scales = channel_scales(values)
    integers = channel_integers(values)
    assert integers.shape == (40, 5)
    assert integers.dtype == np.int8
    assert np.abs(integers.T * scales[:, None] - values).max() <= scales.max() / 2 + 1e-7
    assert list(np.abs(integers).max(axis=0)) == [127, 0, 127, 127, 127]


@pytest.mark.parametrize(("bits", "block"), [(8, 16), (8, 128), (4, 16), (4, 32)])
def test_blocks_are_rounded_to_the_nearest_step(bits: int, block: int) -> None:
    values = weights(5, 40)
    scales = np.abs(block_scales(values, bits, block)).repeat(block, axis=1)[:, :40]
    error = np.abs(dequantised(values, bits, block) - values)
    # With 4 bits, a value opposite to the one furthest from zero may be 8 steps from zero, where 7 is the maximum.
    assert (error <= scales * (0.5 if bits == 8 else 1.0) + 1e-6).all()
    assert (error <= scales / 2 + 1e-6).mean() > 0.9
    assert (dequantised(values, bits, block)[1] == 0).all()


@pytest.mark.parametrize("precision", [Precision.INT8, Precision.Q8, Precision.Q4])
def test_lookup_and_logits_use_the_same_rounded_table(precision: Precision, tmp_path: Path) -> None:
    table = weights(300, 40)
    g = GraphBuilder("table", Dialect.ORT, precision)
    ids, x = g.input("ids", "int64", ["batch", "tokens"]), g.input("x", "float32", ["batch", 40])
    embedding = EmbeddingTable(g, "table", table)
    g.output("rows", embedding.lookup(ids), "float32", ["batch", "tokens", 40])
    g.output("logits", embedding.logits(x), "float32", ["batch", 300])
    feeds = {"ids": np.array([[3, 299], [1, 0]]), "x": weights(2, 40)}
    rows, logits = run(g, tmp_path / "g.onnx", feeds)
    if precision is Precision.INT8:
        rounded = (channel_integers(table) * channel_scales(table)).T
    else:
        rounded = dequantised(table, BITS[precision], BLOCK[precision])
    np.testing.assert_allclose(rows, rounded[feeds["ids"]], atol=1e-6)
    np.testing.assert_allclose(logits, feeds["x"] @ rounded.T, atol=0.03)


@pytest.mark.parametrize("precision", Precision)
def test_linear_is_near_the_exact_product(precision: Precision, tmp_path: Path) -> None:
    weight, bias, x = weights(48, 70), weights(2, 48)[0], np.random.default_rng(5).normal(size=(3, 4, 70))
    g = GraphBuilder("linear", Dialect.ORT, precision)
    y = linear(g, g.input("x", "float32", ["batch", "tokens", 70]), "layer", weight, bias)
    g.output("y", y, "float32", ["batch", "tokens", 48])
    (found,) = run(g, tmp_path / "g.onnx", {"x": x.astype(np.float32)})
    expected = x @ weight.T + bias
    bound = {Precision.FP32: 1e-6, Precision.FP16: 1e-3, Precision.Q4: 0.15}.get(precision, 0.02)
    assert np.sqrt(((found - expected) ** 2).mean()) <= bound * expected.std()


@pytest.mark.parametrize("precision", ERRORS)
def test_graphs_are_near_the_exact_model(exported: Path, precision: str) -> None:
    model, reference = OnnxWhisper(exported, precision=precision), tiny.NumpyWhisper(tiny.tiny_tensors())
    random = np.random.default_rng(6)
    mel = random.normal(size=(2, tiny.MELS, 2 * tiny.ENCODER_POSITIONS))
    cross, states = model.encode(mel), reference.encode(mel)
    ids = random.integers(0, 256, (4, 6))
    expected = reference.decode(ids, states.repeat(2, axis=0))
    past, errors = model.start(4), []
    for first, last in ((0, 3), (3, 4), (4, 6)):
        logits, past = model.decode(ids[:, first:last], cross, past)
        errors.append(logits - expected[:, last - 1])
    assert np.sqrt(np.square(errors).mean()) <= ERRORS[precision] * expected.std()
    _, log_probability = model.align(ids[:2], cross)
    assert np.isfinite(log_probability).all()


def test_the_folder_lists_files_by_precision(exported: Path) -> None:
    graphs = yaml.safe_load((exported / "model.yaml").read_text("utf-8"))["graphs"]
    assert list(graphs["decoder"]["files"]) == ALL
    assert graphs["alignment"]["weights"] == {name: f"{file}.data" for name, file in graphs["decoder"]["files"].items()}
    assert graphs["encoder"]["files"]["q4"] == graphs["encoder"]["files"]["int8"] == "encoder.int8.onnx"
    for graph in graphs.values():
        assert graph["needs"] == {"q8": {"avx2": "1.22", "default": "1.23"}}
        assert all((exported / file).is_file() for file in graph["files"].values())


def test_exports_are_reproducible(exported: Path, tmp_path: Path) -> None:
    checkpoint = exported.parent / "checkpoint"
    assert main([str(checkpoint), str(tmp_path / "out"), "--precision", *reversed(ALL)]) == 0
    first, second = (
        {path.name: path.read_bytes() for path in folder.iterdir()} for folder in (exported, tmp_path / "out")
    )
    assert first == second


def test_plain_onnx_has_no_operators_for_integers(
    exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(exported.parent / "checkpoint"), str(tmp_path / "out"), "--dialect", "standard"]
    assert main([*arguments, "--precision", "fp32", "fp16"]) == 0
    capsys.readouterr()
    assert main([*arguments, "--precision", "q8"]) == 2
    assert capsys.readouterr().err == "error: precision q8 needs the ort dialect; standard supports fp32 and fp16\n"
