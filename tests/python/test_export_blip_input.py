"""scripts/export.py blip without the reference implementation: its output, and errors for bad input."""

from __future__ import annotations

import hashlib
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from edgefuse_tools.export.blip.command import main
from edgefuse_tools.parity.blip_onnx import OnnxBlip
from edgefuse_tools.parity.safetensors_writer import write_safetensors
from tiny_blip import TEXT, tiny_tensors, write_checkpoint


@pytest.fixture
def pair(tmp_path: Path) -> dict[str, Path]:
    """A captioning and a VQA checkpoint with the same vision encoder."""
    return {task: write_checkpoint(tmp_path / task, task, tiny_tensors(task)) for task in ("caption", "vqa")}


def export(pair: dict[str, Path], out: Path, *more: str) -> int:
    tasks = [part for task, folder in pair.items() for part in (f"--{task}", str(folder))]
    return main([*tasks, "--out", str(out), *more])


def test_both_tasks_in_one_folder(pair: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "blip"
    assert export(pair, out, "--license", "MIT") == 0
    description = yaml.safe_load((out / "model.yaml").read_text())
    assert list(description["graphs"]) == ["vision", "caption_decoder", "question_encoder", "answer_decoder"]
    assert set(description["graphs"]["vision"]["outputs"]) == {"image_embeds", "cross_key", "cross_value"}
    assert description["tokens"] == {"start": 15, "end": 3, "pad": 0, "classify": 2}
    assert description["image"]["resample"] == "bicubic"
    assert description["source"]["license"] == "MIT"
    assert description["generation"]["max_question_tokens"] == TEXT["max_position_embeddings"]
    assert set(description["files"]) == {path.name for path in out.iterdir()} - {"model.yaml"}
    for name, entry in description["files"].items():
        content = (out / name).read_bytes()
        assert entry == {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def test_graphs_have_the_described_tensors(pair: dict[str, Path], tmp_path: Path) -> None:
    export(pair, tmp_path / "blip")
    model = OnnxBlip(tmp_path / "blip", threads=1)
    for role, graph in model.description["graphs"].items():
        session = model.session(role)
        for side, tensors in (("inputs", session.get_inputs()), ("outputs", session.get_outputs())):
            described = {}
            for entry in graph[side].values():
                for layer in range(graph["layers"]) if "{layer}" in entry["name"] else [None]:
                    described[entry["name"].format(layer=layer)] = entry["shape"]
            assert {tensor.name: tensor.shape for tensor in tensors} == described, (role, side)


def test_dialects_agree(pair: dict[str, Path], tmp_path: Path) -> None:
    pixels = np.random.default_rng(1).normal(size=(2, 3, 16, 16)).astype(np.float32)
    question = np.array([[2, 7, 8, 9, 3], [2, 5, 10, 12, 3]])
    results = []
    for dialect in ("ort", "standard"):
        assert export(pair, tmp_path / dialect, "--dialect", dialect) == 0
        model = OnnxBlip(tmp_path / dialect, threads=1)
        cross = model.question(question, model.vision(pixels)["image_embeds"])
        logits, _ = model.step("answer_decoder", question, cross, None)
        results.append((logits, model.caption(pixels, 12), model.answer(pixels, question, 12)))
    assert np.abs(results[0][0] - results[1][0]).max() < 1e-4
    assert results[0][1:] == results[1][1:]


def test_the_cache_gives_the_same_as_one_call(pair: dict[str, Path], tmp_path: Path) -> None:
    export(pair, tmp_path / "blip")
    model = OnnxBlip(tmp_path / "blip", threads=1)
    pixels = np.random.default_rng(2).normal(size=(2, 3, 16, 16)).astype(np.float32)
    cross = model.vision(pixels)
    del cross["image_embeds"]
    ids = np.random.default_rng(3).integers(5, 15, (2, 7))
    whole, _ = model.step("caption_decoder", ids, cross, None)
    _, past = model.step("caption_decoder", ids[:, :3], cross, None)
    _, past = model.step("caption_decoder", ids[:, 3:6], cross, past)
    stepped, past = model.step("caption_decoder", ids[:, 6:], cross, past)
    assert np.abs(whole - stepped).max() < 1e-4
    assert past["past_key_0"].shape[2] == 7


def test_export_is_reproducible_and_replaces(pair: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "blip"
    export(pair, out)
    first = (out / "model.yaml").read_bytes()
    assert export(pair, out) == 0
    assert (out / "model.yaml").read_bytes() == first


def test_float16_weights_are_widened(tmp_path: Path) -> None:
    half = {name: array.astype(np.float16) for name, array in tiny_tensors("caption").items()}
    full = {name: array.astype(np.float32) for name, array in half.items()}
    for name, tensors in (("half", half), ("full", full)):
        export({"caption": write_checkpoint(tmp_path / name, "caption", tensors)}, tmp_path / f"{name}-out")
    assert files_of(tmp_path / "half-out") == files_of(tmp_path / "full-out")


def test_shards_are_read(tmp_path: Path) -> None:
    tensors = tiny_tensors("caption")
    whole = write_checkpoint(tmp_path / "whole", "caption", tensors)
    parts = write_checkpoint(tmp_path / "parts", "caption", tensors)
    (parts / "model.safetensors").unlink()
    weight_map = {name: f"model-{index % 2}.safetensors" for index, name in enumerate(tensors)}
    for shard in set(weight_map.values()):
        write_safetensors(parts / shard, {name: tensors[name] for name in tensors if weight_map[name] == shard})
    (parts / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    export({"caption": whole}, tmp_path / "whole-out")
    assert export({"caption": parts}, tmp_path / "parts-out") == 0
    assert files_of(tmp_path / "whole-out") == files_of(tmp_path / "parts-out")


def files_of(folder: Path) -> dict[str, str]:
    """File name -> SHA-256, of a model folder."""
    description = yaml.safe_load((folder / "model.yaml").read_text())
    return {name: entry["sha256"] for name, entry in description["files"].items()}


# Bad input: (damage to the checkpoint, words of the message)
Damage = Callable[[Path], object]


def drop(name: str) -> Damage:
    return lambda folder: (folder / name).unlink()


def overwrite(name: str, content: str) -> Damage:
    return lambda folder: (folder / name).write_text(content)


def configure(**changes: object) -> Damage:
    def change(folder: Path) -> None:
        write_checkpoint(folder, "caption", tiny_tensors("caption"), **changes)  # type: ignore[arg-type]

    return change


def truncate(share: float) -> Damage:
    def cut(folder: Path) -> None:
        path = folder / "model.safetensors"
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])

    return cut


def with_tensors(change: Callable[[dict[str, np.ndarray]], object]) -> Damage:
    def rewrite(folder: Path) -> None:
        tensors = tiny_tensors("caption")
        change(tensors)
        write_safetensors(folder / "model.safetensors", tensors)

    return rewrite


def as_bin(pickled: bytes) -> Damage:
    def write(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        with zipfile.ZipFile(folder / "pytorch_model.bin", "w") as archive:
            archive.writestr("archive/data.pkl", pickled)

    return write


class Call:
    """Pickled as a call of `print`."""

    def __reduce__(self) -> tuple[object, ...]:
        return print, ("executed",)


BIAS = "text_decoder.cls.predictions.bias"
DAMAGES: dict[str, tuple[Damage, list[str]]] = {
    "no weights": (drop("model.safetensors"), ["no weights", "model.safetensors"]),
    "no config": (drop("config.json"), ["config.json", "no such file"]),
    "config not JSON": (overwrite("config.json", "{"), ["config.json", "not JSON"]),
    "other model type": (configure(config={"model_type": "blip-2"}), ["config.json", "'blip-2'"]),
    "other task": (configure(config={"architectures": ["BlipForQuestionAnswering"]}), ["BlipForConditionalGeneration"]),
    "text for a number": (configure(text_config={"hidden_size": "12"}), ["text_config.hidden_size", "'12'"]),
    "heads do not divide": (configure(vision_config={"num_attention_heads": 5}), ["vision_config", "12", "5"]),
    "unknown activation": (configure(text_config={"hidden_act": "silu"}), ["hidden_act", "'silu'", "gelu"]),
    "more layers than weights": (configure(text_config={"num_hidden_layers": 3}), ["encoder.layer.2", "missing"]),
    "no preprocessing": (drop("preprocessor_config.json"), ["preprocessor_config.json"]),
    "other image size": (overwrite("preprocessor_config.json", '{"size": 384}'), ["384", "image_size 16"]),
    "no tokenizer": (drop("vocab.txt"), ["tokenizer.json", "vocab.txt"]),
    "vocabulary not BERT's": (overwrite("vocab.txt", "a\nb\n"), ["vocab.txt", "[UNK]"]),
    "vocabulary too long": (
        overwrite("vocab.txt", "[UNK]\n[CLS]\n[PAD]\n[SEP]\n" + "x\ny\nz\n" * 9),
        ["vocab_size 17"],
    ),
    "separator differs": (configure(text_config={"sep_token_id": 4}), ["sep_token_id 4", "[SEP]"]),
    "truncated data": (truncate(0.8), ["model.safetensors", "truncated"]),
    "truncated header": (truncate(0.01), ["model.safetensors", "truncated"]),
    "empty weights": (truncate(0), ["model.safetensors", "too short"]),
    "text for weights": (overwrite("model.safetensors", "not weights at all"), ["not a safetensors file"]),
    "Git LFS pointer": (
        overwrite("model.safetensors", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"),
        ["model.safetensors", "git lfs pull"],
    ),
    "missing tensor": (with_tensors(lambda tensors: tensors.pop(BIAS)), [BIAS, "missing"]),
    "wrong shape": (with_tensors(lambda t: t.update({BIAS: np.zeros(4, np.float32)})), [BIAS, "[4]", "[17]"]),
    "integer weights": (with_tensors(lambda t: t.update({BIAS: np.zeros(17, np.int64)})), [BIAS, "int64"]),
    "pickle with a call": (as_bin(pickle.dumps({"a": Call()}, 2)), ["pytorch_model.bin", "refuses", "print"]),
    "broken pickle": (as_bin(b"\x80\x02}"), ["pytorch_model.bin", "pickle"]),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_bad_checkpoint(damage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_checkpoint(tmp_path / "caption", "caption", tiny_tensors("caption"))
    harm, words = DAMAGES[damage]
    harm(folder)
    assert_refused({"caption": folder}, tmp_path / "out" / "blip", capsys, words)


def test_missing_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert_refused({"vqa": tmp_path / "nowhere"}, tmp_path / "blip", capsys, ["nowhere", "no such folder"])


def test_different_vision_encoders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair = {
        "caption": write_checkpoint(tmp_path / "caption", "caption", tiny_tensors("caption", seed=0)),
        "vqa": write_checkpoint(tmp_path / "vqa", "vqa", tiny_tensors("vqa", seed=1)),
    }
    assert_refused(pair, tmp_path / "blip", capsys, ["vision_model", "separate folders"])


def test_a_folder_without_a_model_is_kept(
    pair: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "precious"
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    assert export(pair, out) == 2
    assert [path.name for path in out.iterdir()] == ["thesis.txt"]
    assert "precious" in capsys.readouterr().err


def test_a_failed_export_keeps_the_old_one(pair: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "blip"
    export(pair, out)
    before = files_of(out)
    truncate(0.5)(pair["vqa"])
    assert export(pair, out) == 2
    assert files_of(out) == before


def test_no_checkpoint_given(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--out", str(tmp_path / "blip")])
    assert stopped.value.code == 2


def assert_refused(pair: dict[str, Path], out: Path, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    """Exit code 2, one line with `words` on stderr, nothing executed, nothing left behind."""
    assert export(pair, out) == 2
    printed = capsys.readouterr()
    lines = [line for line in printed.err.splitlines() if not line.endswith(" s")]  # the progress of finished graphs
    assert len(lines) == 1, lines
    for word in words:
        assert word in lines[0]
    assert printed.out == ""
    assert not out.exists()
    assert not out.parent.is_dir() or not [path for path in out.parent.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("given", ["no-such-folder", "somebody/no-such-model"])
def test_neither_a_folder_nor_on_the_hub(
    given: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With or without huggingface_hub: one line with cause and remedy, no traceback."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert main(["--caption", given, "--out", str(tmp_path / "out")]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and lines[0].startswith(f"error: {given}: no such folder"), lines
