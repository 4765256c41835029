"""GGUF files: block formats, names, tokenizer, and files that must be refused."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import yaml

gguf = pytest.importorskip("gguf", reason="scripts/setup.sh installs it")

from edgefuse_tools.export.graphs import blocks  # noqa: E402
from edgefuse_tools.export.llm.command import main  # noqa: E402
from edgefuse_tools.export.llm.gguf_blocks import FORMATS  # noqa: E402
from edgefuse_tools.export.llm.gguf_file import GgufFile  # noqa: E402
from edgefuse_tools.export.llm.gguf_tokenizer import tokenizer_json  # noqa: E402
from edgefuse_tools.parity import llm_random  # noqa: E402
from edgefuse_tools.parity.llm_gguf import write_gguf  # noqa: E402
from edgefuse_tools.parity.llm_onnx import OnnxLlm  # noqa: E402

HALVES = {"Q4_1": (0, 2), "Q5_1": (0, 2), "Q4_K": (0, 2), "Q5_K": (0, 2), "Q6_K": (208,)}
"""Places of float16 numbers in a stored block, if it is not only the first one."""

IDS = [300, 12, 280, 33, 310, 270, 265]


@pytest.mark.parametrize("name", FORMATS)
def test_a_block_format_is_taken_over_exactly(name: str) -> None:
    form, rows, columns = FORMATS[name], 3, 512
    random = np.random.default_rng(1)
    stored = random.integers(0, 256, (rows * columns // form.weights, form.bytes), dtype=np.uint8)
    for at in HALVES.get(name, (0,)):
        numbers = random.normal(size=(len(stored), 1)).astype(np.float16)
        stored[:, at : at + 2] = numbers.view(np.uint8)
    expected = gguf.quants.dequantize(stored.reshape(rows, -1), gguf.GGMLQuantizationType[name])
    assert (form.floats(stored, rows, columns) == expected).all()
    made, layout = form.blocks(stored, rows, columns), form.layout
    integers = made.integers
    if layout.bits == 4:
        integers = np.stack([integers & 15, integers >> 4], axis=-1).reshape(rows, -1, layout.block)
    values = (integers.astype(np.float32) - (1 << (layout.bits - 1))) * made.scales[..., None]
    if made.offsets is not None:
        values += made.offsets[..., None]
    assert (values.reshape(rows, columns) == expected).all()


@pytest.mark.parametrize("family", llm_random.FAMILIES)
def test_a_gguf_file_is_the_same_model_as_its_folder(tmp_path: Path, family: str) -> None:
    checkpoint = tmp_path / "checkpoint"
    changes: dict[str, Any] = {}
    if family == "gemma3":
        changes = {"num_hidden_layers": 6, "layer_types": ["sliding_attention"] * 5 + ["full_attention"]}
        changes["query_pre_attn_scalar"] = llm_random.HEAD_DIM
    llm_random.save(checkpoint, family, **changes)
    write_gguf(checkpoint, tmp_path / "model.gguf", "F32")
    for source, out in ((checkpoint, "folder"), (tmp_path / "model.gguf", "file")):
        assert main([str(source), str(tmp_path / out), "--precision", "fp32"]) == 0
    one, other = OnnxLlm(tmp_path / "folder"), OnnxLlm(tmp_path / "file")
    assert np.abs(one.every_position(IDS) - other.every_position(IDS)).max() < 1e-5
    for key in ("tokens", "generation", "chat_template"):
        assert one.description[key] == other.description[key], key
    written, given = (tmp_path / name / "chat_template.jinja" for name in ("file", "folder"))
    assert written.read_text("utf-8") == given.read_text("utf-8")


OWN = [
    ("Q8_0", None, "q8"),
    ("Q4_0", "Q8_0", "q4"),
    ("Q4_1", "Q8_0", "q4"),
    ("Q4_1", None, "q4"),
    ("Q5_0", "F16", "q8"),
    ("Q5_1", "Q4_1", "q8"),
    ("F16", None, "fp16"),
]
"""Format of the matrices, format of the table if it differs, and the precision that both become."""


def own_and_floats(tmp_path: Path, kind: str, head: str | None, precision: str) -> tuple[OnnxLlm, OnnxLlm]:
    """The model in its own precision, and with the same weights as floats."""
    checkpoint, file, folder = tmp_path / "checkpoint", tmp_path / "model.gguf", tmp_path / "model"
    llm_random.save(checkpoint, "llama")
    write_gguf(checkpoint, file, kind, head=head)
    assert main([str(file), str(folder)]) == 0
    assert list(yaml.safe_load((folder / "model.yaml").read_text("utf-8"))["graphs"]["decoder"]["files"]) == [precision]
    needs = yaml.safe_load((folder / "model.yaml").read_text("utf-8"))["graphs"]["decoder"]["needs"][precision]
    has_bytes = any(name in ("Q8_0", "Q5_0", "Q5_1") for name in (kind, head))
    assert needs == ({"avx2": "1.22", "default": "1.23"} if has_bytes else {"avx2": "1.20", "default": "1.20"})
    assert main([str(file), str(tmp_path / "floats"), "--precision", "fp32"]) == 0
    return OnnxLlm(folder, precision), OnnxLlm(tmp_path / "floats")


@pytest.mark.parametrize("kind, head, precision", OWN)
def test_stored_blocks_give_the_logits_of_their_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, head: str | None, precision: str
) -> None:
    monkeypatch.setattr(blocks, "INTEGER_ACTIVATIONS", 1)  # activations as floats: nothing is rounded
    own, floats = own_and_floats(tmp_path, kind, head, precision)
    expected, found = floats.every_position(IDS), own.every_position(IDS)
    assert np.abs(expected).max() > 1.0
    assert np.abs(found - expected).max() < 1e-4
    own.restart()
    assert np.abs(own.feed(IDS) - expected[-1]).max() < 1e-4


@pytest.mark.parametrize("kind, head, precision", [own for own in OWN if own[2] != "fp16"])
def test_activations_in_8_bits_change_little(tmp_path: Path, kind: str, head: str | None, precision: str) -> None:
    own, floats = own_and_floats(tmp_path, kind, head, precision)
    expected, found = floats.every_position(IDS), own.every_position(IDS)
    assert 0 < np.sqrt(np.square(found - expected).mean() / np.square(expected).mean()) < 0.08


def test_the_tokenizer_of_a_file_is_that_of_the_folder(tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers", reason="compares with the tokenizer itself")
    checkpoint, file = tmp_path / "checkpoint", tmp_path / "model.gguf"
    llm_random.save(checkpoint, "llama")
    write_gguf(checkpoint, file, "F32")
    assert main([str(file), str(tmp_path / "model")]) == 0
    ours, theirs = (
        tokenizers.Tokenizer.from_file(str(path / "tokenizer.json")) for path in (tmp_path / "model", checkpoint)
    )
    for text in ("the house and seven bridges. naïve 日本 1234", "<|im_start|>user\nhi<|im_end|>", ""):
        assert ours.encode(text).ids == theirs.encode(text).ids


def test_a_sentence_piece_tokenizer_merges_by_score() -> None:
    tokenizers = pytest.importorskip("tokenizers", reason="runs the tokenizer itself")
    scored = {"▁": -5.0, "t": -9.0, "h": -9.0, "e": -9.0, "th": -2.0, "▁t": -1.0, "he": -3.0, "▁the": -4.0, "▁th": -3.5}
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *scored]
    fields = {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": pieces,
        "tokenizer.ggml.token_type": [2, 3, 3] + [6] * 256 + [1] * len(scored),
        "tokenizer.ggml.scores": [0.0] * 259 + list(scored.values()),
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.unknown_token_id": 0,
    }
    content = tokenizer_json(
        cast(GgufFile, SimpleNamespace(path=Path("x.gguf"), field=lambda k, d=None: fields.get(k, d)))
    )
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(content))
    # SentencePiece merges the pair with the best result first: ▁t, then he, then both. Inside a word th comes before he.
    assert tokenizer.encode("the").tokens == ["<s>", "▁the"]
    assert tokenizer.encode("hthe", add_special_tokens=False).tokens == ["▁", "h", "th", "e"]
    # A character without a token is its bytes, and comes back whole.
    text = "the é the"
    assert tokenizer.decode(tokenizer.encode(text).ids) == text


# Files that must be refused, with a line that says why.


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    llm_random.save(tmp_path / "checkpoint", "llama")
    write_gguf(tmp_path / "checkpoint", tmp_path / "whole.gguf", "F32")
    return tmp_path / "whole.gguf"


def refused(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert main([str(path), str(tmp_path / "out")]) == 2
    assert not (tmp_path / "out").exists()
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: "), lines
    return lines[0]


@pytest.mark.parametrize("part", [0.0, 0.0001, 0.01, 0.1, 0.5, 0.999])
def test_a_file_that_is_cut_off(whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], part: float) -> None:
    content = whole.read_bytes()
    (tmp_path / "cut.gguf").write_bytes(content[: int(len(content) * part)])
    assert "GGUF" in refused(tmp_path / "cut.gguf", tmp_path, capsys)


@pytest.mark.parametrize("tensors, fields", [(1 << 60, 5), (5, 1 << 60), ((1 << 64) - 1, (1 << 64) - 1)])
def test_absurd_counts(
    whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], tensors: int, fields: int
) -> None:
    content = bytearray(whole.read_bytes())
    content[8:24] = struct.pack("<QQ", tensors, fields)
    (tmp_path / "absurd.gguf").write_bytes(content)
    assert "do not fit" in refused(tmp_path / "absurd.gguf", tmp_path, capsys)


def test_an_absurd_tensor(whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = whole.read_bytes()
    rows = json.loads((tmp_path / "checkpoint" / "config.json").read_text("utf-8"))["vocab_size"]
    shape = struct.pack("<QQ", llm_random.HIDDEN, rows)
    assert content.count(shape) == 1
    for absurd in (struct.pack("<QQ", llm_random.HIDDEN, 1 << 60), struct.pack("<QQ", 1 << 60, 1 << 60)):
        (tmp_path / "absurd.gguf").write_bytes(content.replace(shape, absurd))
        assert "absurd.gguf" in refused(tmp_path / "absurd.gguf", tmp_path, capsys)


def test_an_unknown_architecture(whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = b"general.architecture" + struct.pack("<IQ", 8, 5)
    content = whole.read_bytes()
    assert content.count(key + b"llama") == 1
    (tmp_path / "other.gguf").write_bytes(content.replace(key + b"llama", key + b"mamba"))
    message = refused(tmp_path / "other.gguf", tmp_path, capsys)
    assert "architecture 'mamba'; this exporter supports llama, qwen2, qwen3, gemma3" in message


def test_settings_that_no_model_has(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for changes, words in (
        ({"model_type": "mamba"}, "model_type is 'mamba'"),
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0"),
        ({"num_key_value_heads": 3}, "no multiple of 3"),
        ({"hidden_act": "relu"}, "the activation is 'relu'"),
        ({"rope_scaling": {"rope_type": "yarn"}}, "rotary embedding of type 'yarn'"),
        ({"rope_scaling": {"rope_type": "llama3"}}, "is incomplete"),
        ({"vocab_size": 100}, "belongs to another model"),
    ):
        llm_random.save(tmp_path / "checkpoint", "llama")
        path = tmp_path / "checkpoint" / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), encoding="utf-8")
        assert words in refused(tmp_path / "checkpoint", tmp_path, capsys)


def test_the_context_is_the_models_or_less(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    llm_random.save(tmp_path / "checkpoint", "llama")
    assert main([str(tmp_path / "checkpoint"), str(tmp_path / "out"), "--context", "64", "--precision", "fp32"]) == 0
    described = yaml.safe_load((tmp_path / "out" / "model.yaml").read_text("utf-8"))
    assert described["generation"] == {"context": 64, "max_tokens": 63}
    capsys.readouterr()
    assert main([str(tmp_path / "checkpoint"), str(tmp_path / "out"), "--context", "129"]) == 2
    assert "--context 129: the model supports 2 to 128 positions" in capsys.readouterr().err
