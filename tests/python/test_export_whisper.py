"""scripts/export.py whisper: the folder, its graphs against numpy, and errors for bad input."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import yaml

import tiny_whisper as tiny
from edgefuse_tools.export.whisper.command import main
from edgefuse_tools.export.whisper.heads import default_alignment_heads
from edgefuse_tools.export.whisper.tokens import WhisperTokenizer, begin_suppressed, suppressed, token_section
from edgefuse_tools.ort_session import open_session
from edgefuse_tools.parity.safetensors_writer import write_safetensors
from edgefuse_tools.parity.whisper_onnx import OnnxWhisper

MODELS = Path(__file__).resolve().parents[2] / "onnx"
TOLERANCE = 1e-4


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    return tiny.write_ctranslate2(tmp_path / "checkpoint", tiny.tiny_tensors())


def described(folder: Path) -> dict[str, Any]:
    return yaml.safe_load((folder / "model.yaml").read_text("utf-8"))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("dialect", ["ort", "standard"])
def test_graphs_agree_with_numpy(checkpoint: Path, tmp_path: Path, dialect: str) -> None:
    assert main([str(checkpoint), str(tmp_path / "out"), "--dialect", dialect]) == 0
    model, reference = OnnxWhisper(tmp_path / "out"), tiny.NumpyWhisper(tiny.tiny_tensors())
    random = np.random.default_rng(1)
    for batch, frames in ((1, 2 * tiny.ENCODER_POSITIONS), (3, 9)):
        mel = random.normal(size=(batch, tiny.MELS, frames))
        cross, states = model.encode(mel), reference.encode(mel)
        for layer in range(tiny.DECODER_LAYERS):
            for side, projection in (("key", "k_proj"), ("value", "v_proj")):
                expected = reference.heads(states, f"decoder.layers.{layer}.encoder_attn.{projection}")
                expected = expected.swapaxes(2, 3) if side == "key" else expected
                np.testing.assert_allclose(cross[f"cross_{side}_{layer}"], expected, atol=TOLERANCE)

        ids = random.integers(0, tiny.VOCAB, (batch, 10))
        expected = reference.decode(ids, states)
        past, done = model.start(batch), 0
        for tokens in (4, 1, 1, 3, 1):  # a prompt, steps, and a prompt after a cache
            logits, past = model.decode(ids[:, done : done + tokens], cross, past)
            done += tokens
            np.testing.assert_allclose(logits, expected[:, done - 1], atol=TOLERANCE)
            assert past["past_key_0"].shape == (batch, tiny.HEADS, done, tiny.HIDDEN // tiny.HEADS)


@pytest.mark.parametrize("dialect", ["ort", "standard"])
@pytest.mark.parametrize(("windows", "hypotheses"), [(1, 1), (1, 5), (4, 1), (2, 5)])
def test_hypotheses_share_their_window(
    checkpoint: Path, tmp_path: Path, dialect: str, windows: int, hypotheses: int
) -> None:
    assert main([str(checkpoint), str(tmp_path / "out"), "--dialect", dialect]) == 0
    model, reference = OnnxWhisper(tmp_path / "out"), tiny.NumpyWhisper(tiny.tiny_tensors())
    random = np.random.default_rng(2)
    mel = random.normal(size=(windows, tiny.MELS, 2 * tiny.ENCODER_POSITIONS))
    cross, states = model.encode(mel), reference.encode(mel).repeat(hypotheses, 0)
    batch = windows * hypotheses
    ids = random.integers(0, tiny.VOCAB, (batch, 9))
    expected = reference.decode(ids, states)
    past, done = model.start(batch), 0
    for tokens in (3, 1, 4, 1):
        logits, past = model.decode(ids[:, done : done + tokens], cross, past)
        done += tokens
        np.testing.assert_allclose(logits, expected[:, done - 1], atol=TOLERANCE)
        assert cross["cross_key_0"].shape[0] == windows
        assert past["past_key_0"].shape == (batch, tiny.HEADS, done, tiny.HIDDEN // tiny.HEADS)


@pytest.mark.parametrize("dialect", ["ort", "standard"])
def test_alignment_matches_the_input_of_timing(tmp_path: Path, dialect: str) -> None:
    heads = [[2, 1], [0, 1], [2, 0]]
    checkpoint = tiny.write_ctranslate2(tmp_path / "checkpoint", tiny.tiny_tensors(), alignment_heads=heads)
    out = tmp_path / "out"
    assert main([str(checkpoint), str(out), "--dialect", dialect]) == 0
    description = described(out)
    assert description["alignment_heads"] == [[0, 1], [2, 0], [2, 1]]
    assert description["graphs"]["alignment"]["weights"]["fp32"] == "decoder.onnx.data"
    assert not (out / "alignment.onnx.data").exists()

    model, reference = OnnxWhisper(out), tiny.NumpyWhisper(tiny.tiny_tensors())
    random = np.random.default_rng(3)
    end_of_text = description["tokens"]["end_of_text"]
    for windows, tokens in ((1, 2), (3, 7)):
        mel = random.normal(size=(windows, tiny.MELS, 2 * tiny.ENCODER_POSITIONS))
        ids = random.integers(0, end_of_text, (windows, tokens))
        ids[:, 0] = description["tokens"]["start_of_transcript"]
        attention, log_probability = model.align(ids, model.encode(mel))
        logits = reference.decode(ids, reference.encode(mel))[:, :-1, :end_of_text]
        expected = np.stack(
            [
                reference.scores[f"decoder.layers.{layer}.encoder_attn"][:, head]
                for layer, head in description["alignment_heads"]
            ],
            axis=1,
        )
        np.testing.assert_allclose(attention, expected, atol=TOLERANCE)
        chosen = np.take_along_axis(logits, ids[:, 1:, None], axis=2)[..., 0]
        np.testing.assert_allclose(log_probability, chosen - np.log(np.exp(logits).sum(2)), atol=TOLERANCE)


@pytest.mark.parametrize(
    ("layers", "heads", "vocab", "expected"),
    [
        (4, 6, 51_864, [[1, 0], [2, 0], [2, 5], [3, 0], [3, 1], [3, 2], [3, 3], [3, 4]]),  # tiny.en
        (6, 8, 51_865, [[3, 1], [4, 2], [4, 3], [4, 7], [5, 1], [5, 2], [5, 4], [5, 6]]),  # base
        (4, 20, 51_866, [[2, 4], [2, 11], [3, 3], [3, 6], [3, 11], [3, 14]]),  # turbo
        (2, 20, 51_866, [[1, head] for head in range(20)]),  # none of OpenAI's
    ],
)
def test_alignment_heads_of_known_sizes(layers: int, heads: int, vocab: int, expected: list[list[int]]) -> None:
    assert default_alignment_heads(layers, heads, vocab) == expected


@pytest.mark.parametrize("model", ["whisper-tiny.en", "whisper-base"])
def test_alignment_heads_of_a_checkpoint_are_those_of_its_size(model: str) -> None:
    folder = MODELS / model
    assert folder.is_dir(), f"{folder} is missing: run scripts/setup.sh"
    description = described(folder)
    logits, past = (description["graphs"]["decoder"][side] for side in ("outputs", "inputs"))
    form = description["graphs"]["decoder"]["layers"], past["past_key"]["shape"][1], logits["logits"]["shape"][1]
    assert default_alignment_heads(*form) == description["alignment_heads"]


@pytest.mark.parametrize("dialect", ["ort", "standard"])
def test_folder_describes_itself(checkpoint: Path, tmp_path: Path, dialect: str) -> None:
    out = tmp_path / "whisper-x"
    assert main([str(checkpoint), str(out), "--dialect", dialect, "--license", "MIT", "--origin", "here"]) == 0
    description = described(out)
    assert (description["kind"], description["name"], description["dialect"]) == ("whisper", "whisper-x", dialect)
    assert description["source"]["license"] == "MIT"
    assert description["source"]["origin"] == "here"
    assert description["audio"]["n_mels"] == tiny.MELS
    assert description["generation"]["max_tokens"] == tiny.DECODER_POSITIONS
    files = contents(out)
    del files["model.yaml"]
    hashes = {name: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)} for name, data in files.items()}
    assert description["files"] == hashes
    for graph in description["graphs"].values():
        session = open_session(out / graph["files"]["fp32"])
        for side, tensors in (("inputs", session.get_inputs()), ("outputs", session.get_outputs())):
            shapes = {
                entry["name"].format(layer=layer): entry["shape"]
                for entry in graph[side].values()
                for layer in range(graph["layers"])
            }
            assert {tensor.name: tensor.shape for tensor in tensors} == shapes
        # For engines that are built in advance: each dynamic axis of an input has its lengths, in order.
        axes = {axis for entry in graph["inputs"].values() for axis in entry["shape"] if isinstance(axis, str)}
        assert set(graph["profiles"]) == axes
        assert all(0 <= length["min"] <= length["opt"] <= length["max"] for length in graph["profiles"].values())


def test_standard_dialect_is_plain_onnx(checkpoint: Path, tmp_path: Path) -> None:
    main([str(checkpoint), str(tmp_path / "out"), "--dialect", "standard"])
    for role in ("encoder", "decoder", "alignment"):
        onnx.checker.check_model(tmp_path / "out" / f"{role}.onnx", full_check=True)
        model = onnx.load(tmp_path / "out" / f"{role}.onnx", load_external_data=False)
        assert [entry.domain for entry in model.opset_import] == [""]


def test_both_kinds_of_folder_give_the_same_graphs(checkpoint: Path, tmp_path: Path) -> None:
    settings = {"suppress_tokens": [7], "begin_suppress_tokens": [8], "alignment_heads": [[2, 1]]}
    other = tiny.write_hugging_face(tmp_path / "hugging-face", tiny.tiny_tensors(), **settings)
    outs = [tmp_path / "a", tmp_path / "b"]
    for source, out in zip((checkpoint, other), outs):
        assert main([str(source), str(out), "--name", "same"]) == 0
    first, second = (contents(out) for out in outs)
    descriptions = [yaml.safe_load(files.pop("model.yaml")) for files in (first, second)]
    for name in descriptions[0]["graphs"]["alignment"]["files"].values():
        assert first.pop(name) != second.pop(name), "each has its own heads"
    assert first == second
    assert descriptions[1]["generation"]["suppress"] == [
        7,
        *(tiny.FIRST_SPECIAL + index for index in (1, 4, 5, 6, 7, 8)),
    ]
    assert descriptions[1]["generation"]["begin_suppress"] == [8]
    assert descriptions[1]["alignment_heads"] == [[2, 1]]
    # Without settings: openai-whisper's rules, derived from the tokenizer.
    assert descriptions[0]["alignment_heads"] == [[layer, head] for layer in (1, 2) for head in (0, 1)]
    assert descriptions[0]["generation"]["begin_suppress"] == [220, tiny.FIRST_SPECIAL]


def test_wide_types_are_read(tmp_path: Path) -> None:
    tensors = tiny.tiny_tensors()
    wide = {name: tensor.astype(np.float32) for name, tensor in tensors.items()}
    outs = [tmp_path / "half", tmp_path / "full"]
    for values, out in zip((tensors, wide), outs):
        assert main([str(tiny.write_hugging_face(tmp_path / f"from-{out.name}", values)), str(out)]) == 0
    assert (outs[0] / "decoder.onnx.data").read_bytes() == (outs[1] / "decoder.onnx.data").read_bytes()


def test_an_export_replaces_a_model_folder_and_nothing_else(checkpoint: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main([str(checkpoint), str(out)]) == 0
    before = contents(out)
    (out / "stray").write_text("of an earlier export")
    assert main([str(checkpoint), str(out)]) == 0
    assert contents(out) == before
    assert main([str(checkpoint), str(checkpoint)]) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint", "out"]


def test_tokens_of_a_multilingual_model(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text(json.dumps(tiny.tokenizer_json()))
    tokenizer = WhisperTokenizer(tmp_path / "tokenizer.json")
    first = tiny.FIRST_SPECIAL
    assert token_section(tokenizer, multilingual=True) == {
        "start_of_transcript": first + 1,
        "end_of_text": first,
        "start_of_previous": first + 7,
        "no_speech": first + 8,
        "no_timestamps": first + 9,
        "timestamp_begin": first + 10,
        "translate": first + 4,
        "transcribe": first + 5,
        "languages": {"en": first + 2, "de": first + 3},
    }
    assert token_section(tokenizer, multilingual=False)["languages"] == {"en": first + 2}


def test_derived_rules_are_openais() -> None:
    """The lists in tiny.en were written by openai-whisper's own tokenizer."""
    folder = MODELS / "whisper-tiny.en"
    assert folder.is_dir(), f"{folder} is missing: run scripts/setup.sh"
    generation, tokenizer = described(folder)["generation"], WhisperTokenizer(folder / "tokenizer.json")
    assert suppressed(tokenizer, None) == generation["suppress"]
    assert begin_suppressed(tokenizer, None) == generation["begin_suppress"]


def drop_tensor(folder: Path) -> None:
    tensors = tiny.tiny_tensors()
    del tensors["decoder.layers.1.fc2.bias"]
    write_safetensors(folder / "model.safetensors", {f"model.{name}": tensor for name, tensor in tensors.items()})


def reshape_tensor(folder: Path) -> None:
    tensors = tiny.tiny_tensors()
    tensors["encoder.layers.0.fc1.weight"] = np.zeros((tiny.INNER, tiny.HIDDEN + 1), np.float16)
    write_safetensors(folder / "model.safetensors", {f"model.{name}": tensor for name, tensor in tensors.items()})


def truncate(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[: len(content) // 2])

    return change


def set_config(**changes: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | changes))

    return change


def drop_special_token(folder: Path) -> None:
    content = tiny.tokenizer_json()
    content["added_tokens"] = [entry for entry in content["added_tokens"] if "prev" not in entry["content"]]
    (folder / "tokenizer.json").write_text(json.dumps(content))


def shift_special_tokens(folder: Path) -> None:
    content = tiny.tokenizer_json()
    content["added_tokens"] = [entry | {"id": entry["id"] + 1} for entry in content["added_tokens"]]
    (folder / "tokenizer.json").write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("hugging-face", drop_tensor, "decoder.layers.1.fc2.bias is missing"),
        ("hugging-face", reshape_tensor, "encoder.layers.0.fc1.weight has shape [20, 13]"),
        ("hugging-face", truncate("model.safetensors"), "model.safetensors: truncated"),
        ("hugging-face", truncate("config.json"), "config.json: not JSON"),
        ("hugging-face", truncate("tokenizer.json"), "tokenizer.json: not JSON"),
        ("hugging-face", lambda folder: (folder / "tokenizer.json").unlink(), "tokenizer.json: no such file"),
        ("hugging-face", lambda folder: (folder / "config.json").unlink(), "neither model.bin (CTranslate2) nor"),
        ("hugging-face", lambda folder: (folder / "model.safetensors").unlink(), "no weights; expected"),
        ("hugging-face", set_config(model_type="bert"), "model_type is 'bert', expected 'whisper'"),
        ("hugging-face", set_config(decoder_attention_heads=None), "decoder_attention_heads is missing"),
        ("hugging-face", set_config(encoder_attention_heads=5), "hidden size of 12 cannot have 5 heads"),
        ("hugging-face", set_config(suppress_tokens="all"), "suppress_tokens of its config is not a list"),
        ("hugging-face", set_config(alignment_heads=[[3, 0]]), "names a missing head: [3, 0]"),
        ("hugging-face", drop_special_token, "special token <|startofprev|> is missing"),
        ("hugging-face", shift_special_tokens, "tokenizer.json: belongs to another model"),
        ("ctranslate2", truncate("model.bin"), "model.bin: truncated"),
        ("ctranslate2", lambda folder: (folder / "model.bin").write_bytes(b""), "model.bin: empty file"),
        ("ctranslate2", set_config(alignment_heads=[[1]]), "alignment_heads of its config is not a list"),
    ],
)
def test_bad_input_is_one_line_and_code_2(
    kind: str, change: Callable[[Path], None], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write = tiny.write_hugging_face if kind == "hugging-face" else tiny.write_ctranslate2
    folder = write(tmp_path / "checkpoint", tiny.tiny_tensors())
    change(folder)
    assert main([str(folder), str(tmp_path / "out")]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1
    assert message in printed.err
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"], "nothing half-written"


def test_missing_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "none"), str(tmp_path / "out")]) == 2
    assert f"{tmp_path / 'none'}: no such folder" in capsys.readouterr().err


def test_quantised_weights_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tiny.write_ctranslate2(tmp_path / "checkpoint", tiny.tiny_tensors())
    (folder / "model.bin").write_bytes(tiny.model_bin({"encoder/conv1/weight_scale": np.ones(3, np.float32)}, {}))
    assert main([str(folder), str(tmp_path / "out")]) == 2
    assert "quantised to int8" in capsys.readouterr().err
