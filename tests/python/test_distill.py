"""scripts/distill.py: the teacher's cache, batches, calibration, and a complete run to a model folder."""

from __future__ import annotations

import json
import subprocess
import sys
import wave
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
from PIL import Image  # noqa: E402

from edgefuse_tools import ROOT  # noqa: E402
from edgefuse_tools.distill import calibration, curves, media, teacher  # noqa: E402
from edgefuse_tools.distill.binary import Binary, BinaryError  # noqa: E402
from edgefuse_tools.distill.examples import Examples, Feed, forms_of  # noqa: E402
from edgefuse_tools.distill.manifest import Manifest, ManifestError, Record, read  # noqa: E402
from edgefuse_tools.distill.training import Learner, Settings, loss_of, split, subset  # noqa: E402
from edgefuse_tools.distill.words import words_of  # noqa: E402
from edgefuse_tools.student.forms import Interface, Readings  # noqa: E402
from edgefuse_tools.student.fusion import SharedFusion, Widths  # noqa: E402
from edgefuse_tools.student.log_mel import ABSENT_FRAME  # noqa: E402

LABELS = ["red", "green", "blue"]
#: Replaces the binary: answers `red` to everything, and counts its starts.
PROGRAM = """\
#!{python}
import json, sys, yaml
output = sys.argv[sys.argv.index("--output") + 1]
steps = yaml.safe_load(open(sys.argv[sys.argv.index("--config") + 1]))["pipeline"]
answers = steps[-1]["ask"]["answers"]
scores = [dict(text=it, log_probability=-0.1 if it == "red" else -3.0, probability=0.5) for it in answers]
lines = [json.loads(line) for line in open(sys.argv[sys.argv.index("run") + 1])]
with open(output, "w") as results:
    for line in lines:
        answer = {{"error": "bad picture"}} if line["text"] == "fails" else {{"text": "red", "answers": scores}}
        results.write(json.dumps({{"id": line["id"], "answer": answer}}) + "\\n")
open({started!r}, "a").write("x")
sys.exit({code})
"""


def records(folder: Path, count: int = 30) -> Path:
    """A manifest whose pictures, sounds, texts and sensors determine the label; some records lack some of them."""
    rng = np.random.default_rng(1)
    lines = []
    for index in range(count):
        label = index % 3
        pixels = (rng.random((9, 12, 3)) * 60).astype(np.uint8)
        pixels[2:7, 2:7, label] = 230
        Image.fromarray(pixels).save(folder / f"{index}.png")
        tone = np.sin(2 * np.pi * (300 + 500 * label) * np.arange(4000) / 16000) * 9000
        with wave.open(str(folder / f"{index}.wav"), "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(16000)
            sound.writeframes(tone.astype("<i2").tobytes())
        line: dict[str, Any] = {"image": f"{index}.png", "audio": f"{index}.wav", "text": f"it is {LABELS[label]}"}
        line |= {"sensors": {"hue": 10.0 * label + rng.normal(), "level": 5.0}, "label": LABELS[label]}
        if index % 5 == 0:
            del line["audio"], line["text"]
        lines.append(json.dumps(line))
    path = folder / "train.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "labels.txt").write_text("\n".join(LABELS) + "\n", encoding="utf-8")
    return path


def silent(_: str) -> None:
    pass


def examples_of(folder: Path) -> Examples:
    return Examples(read(records(folder), LABELS, taught=False), 16, silent)


def program(folder: Path, code: int = 0) -> Path:
    path = folder / "edgefuse"
    path.write_text(PROGRAM.format(python=sys.executable, started=str(folder / "started"), code=code), encoding="utf-8")
    path.chmod(0o755)
    config = folder / "device.yaml"
    config.write_text("device: test\nmodels: {blip: {path: onnx/blip}, student: onnx/student}\npipeline: [caption]\n")
    return path


def asked(folder: Path, texts: list[str | None]) -> Manifest:
    (folder / "a.png").touch()
    entries = [Record(index + 1, folder / "a.png", None, text, None, index % 3) for index, text in enumerate(texts)]
    return Manifest(folder / "m.jsonl", tuple(entries), ())


def test_the_teacher_is_asked_once_and_its_answers_are_normalised_over_the_labels(tmp_path: Path) -> None:
    binary = Binary(program(tmp_path), tmp_path / "device.yaml")
    manifest = asked(tmp_path, ["what?", None, "fails"])
    for _ in range(2):
        taught = teacher.soft_labels(binary, manifest, LABELS, None, tmp_path / "cache", silent)
    assert (tmp_path / "started").read_text() == "x"
    assert np.isnan(taught[1:]).all(), "no question, and a failed record"
    weights = np.exp([-0.1, -3.0, -3.0])
    assert np.exp(taught[0]) == pytest.approx(weights / weights.sum(), rel=1e-5)
    assert teacher.agreement(taught, np.array([0, 1, 2])) == 1.0
    teacher.soft_labels(binary, manifest, LABELS[:2], None, tmp_path / "cache", silent)
    assert (tmp_path / "started").read_text() == "xx", "other labels are another question"


def test_an_error_of_the_binary_is_reported(tmp_path: Path) -> None:
    binary = Binary(program(tmp_path, code=3), tmp_path / "device.yaml")
    with pytest.raises(BinaryError, match="exit code 3"):
        teacher.soft_labels(binary, asked(tmp_path, ["what?"]), LABELS, None, tmp_path / "cache", silent)


def test_paths_of_a_device_file_start_where_the_binary_starts_them(tmp_path: Path) -> None:
    config = tmp_path / "configs" / "board.yaml"
    config.parent.mkdir()
    config.write_text(
        "runtime: {library: lib/ort.so}\nmodels: {blip: {path: onnx/blip, precision: q8}, vad: onnx/vad}\n"
    )
    device = Binary(tmp_path / "edgefuse", config).device(["fuse"], student=tmp_path / "mine")
    assert device["runtime"] == {"library": str(tmp_path / "lib" / "ort.so")}
    assert device["models"]["blip"] == {"path": str(tmp_path / "onnx" / "blip"), "precision": "q8"}
    assert device["models"]["vad"] == str(tmp_path / "onnx" / "vad")
    assert device["models"]["student"] == {"path": str(tmp_path / "mine")} and device["pipeline"] == ["fuse"]


def test_a_batch_has_only_the_present_modalities(tmp_path: Path) -> None:
    examples = examples_of(tmp_path)
    forms = forms_of(examples, 16, {"hue": "degrees"})
    assert list(forms) == ["image", "text", "audio", "sensors"]
    sensors = forms["sensors"]
    assert isinstance(sensors, Readings)
    hue, level = sensors.sensors
    assert hue.unit == "degrees" and hue.mean == pytest.approx(10.0, abs=1.0) and level.std == 1.0
    presence = np.array([[1, 1, 0, 1], [0, 1, 1, 0]], dtype=np.float32)
    batch = Feed(forms, 3).batch(examples, np.array([1, 2]), presence, None)
    inputs = batch.inputs
    assert float(inputs["image"][1].abs().max()) == 0.0 and float(inputs["image"][0].abs().max()) > 0.5
    assert (inputs["log_mel"][0] == ABSENT_FRAME).all() and inputs["log_mel"].shape == (2, 80, 25)
    assert float(inputs["sensors"][1].abs().max()) == 0.0
    assert inputs["attention_mask"].sum(dim=1).tolist() == [5, 5]  # [CLS] it is green [SEP]
    assert batch.labels.tolist() == [1, 2] and torch.isnan(batch.taught).all()


def test_unreadable_media_are_reported_with_their_line(tmp_path: Path) -> None:
    path = records(tmp_path, 3)
    (tmp_path / "1.png").write_text("not a picture")
    (tmp_path / "2.wav").write_text("not a sound")
    with pytest.raises(ManifestError) as raised:
        Examples(read(path, LABELS, taught=False), 16, silent)
    first, second = str(raised.value).splitlines()
    assert "train.jsonl:2: `image`" in first and "is not a readable picture" in first
    assert "train.jsonl:3: `audio`" in second


def test_sounds_of_other_rates_and_several_channels(tmp_path: Path) -> None:
    path = tmp_path / "stereo.wav"
    tone = (np.sin(2 * np.pi * 440 * np.arange(22050) / 22050) * 9000).astype("<i2")
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(2)
        sound.setsampwidth(2)
        sound.setframerate(22050)
        sound.writeframes(np.stack([tone, tone], axis=1).tobytes())
    assert media.frames(path).shape == (100, 80)


def test_unknown_words_are_spelled() -> None:
    words = words_of(["turn the lamp on", "the lamp"])
    assert words.tokenizer.encode("The LAMP!").tokens == ["[CLS]", "the", "lamp", "!", "[SEP]"]
    assert words.tokenizer.encode("lamb").tokens == ["[CLS]", "l", "##a", "##m", "##b", "[SEP]"]
    assert words.max_tokens == 6 + 8 and words.tokenizer.token_to_id("[PAD]") == words.pad


def test_a_split_has_every_label_on_both_sides(tmp_path: Path) -> None:
    examples = examples_of(tmp_path)
    train, held_out = split(examples, 0.2, seed=4)
    assert len(train) == 24 and len(held_out) == 6 and not set(train) & set(held_out)
    assert sorted(examples.labels[held_out]) == [0, 0, 1, 1, 2, 2]


def test_modality_dropout_leaves_something_and_adds_nothing() -> None:
    presence = np.array([[1, 0, 1], [0, 1, 0], [1, 1, 1]] * 200, dtype=np.float32)
    kept = subset(np.random.default_rng(0), presence, 1.0)
    assert (kept <= presence).all() and (kept.sum(axis=1) >= 1).all()
    assert 0.3 < kept.sum() / presence.sum() < 0.9
    assert (subset(np.random.default_rng(0), presence, 0.0) == presence).all()


def test_the_loss_is_the_teachers_without_a_label(tmp_path: Path) -> None:
    examples = examples_of(tmp_path)
    forms = forms_of(examples, 16, {})
    torch.manual_seed(0)
    learner = Learner(SharedFusion(Interface(forms, LABELS, 16), Widths(dropout=0.0)))
    settings = Settings(0, 1, 4, 1e-3, 2.0, 0.7, 0.0, 0.5, 3)
    rows = np.array([1, 2, 3, 4])
    taught = np.log(np.tile(np.array([0.8, 0.1, 0.1], np.float32), (30, 1)))
    feed = Feed(forms, 3)

    def loss(labels: list[int], known: np.ndarray | None) -> float:
        batch = feed.batch(examples, rows, examples.presence[rows], known)
        batch.labels[:] = torch.tensor(labels)
        return float(loss_of(learner, batch, settings).detach())

    soft, hard = loss([-1] * 4, taught), loss([0, 1, 2, 0], None)
    assert loss([0, 1, 2, 0], taught) == pytest.approx(0.7 * soft + 0.3 * hard, rel=1e-4)


def test_calibration_makes_confidence_accuracy_for_each_set_of_modalities() -> None:
    rng = np.random.default_rng(0)
    count = 4000
    presence = np.where(rng.random((count, 1)) < 0.5, [[1.0, 1.0]], [[1.0, 0.0]])
    honest = rng.normal(size=(count, 5)) * 2.0
    truth = np.array([rng.choice(5, p=np.exp(row) / np.exp(row).sum()) for row in honest])
    # Three times too confident, and six times without the second modality.
    given = honest * np.where(presence[:, 1:] > 0, 3.0, 6.0)
    temperature = calibration.fit(given, presence, truth)
    assert temperature.of(np.array([[1.0, 1.0], [1.0, 0.0]])) == pytest.approx([3.0, 6.0], rel=0.1)


def test_always_right_in_a_few_records_does_not_mean_certain() -> None:
    logits = np.eye(3)[np.arange(12) % 3] * 4.0
    temperature = calibration.fit(logits, np.ones((12, 2)), np.arange(12) % 3)
    confidence = np.exp(4.0 / temperature.of(np.ones((1, 2)))[0])
    assert confidence / (confidence + 2.0) < 0.95


def test_curves_are_an_svg() -> None:
    points = [
        {"step": 10.0 * step, "training_loss": 1.0 / step, "loss": 2.0 / step, "accuracy": 0.5} for step in (1, 2, 3)
    ]
    picture = curves.draw(points)
    assert picture.startswith("<svg") and picture.count("<polyline") == 3


def run(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    words = ["--manifest", folder / "train.jsonl", "--labels", folder / "labels.txt", "--out", folder / "mine", *more]
    command = [sys.executable, ROOT / "scripts" / "distill.py", *words, "--binary", folder / "no-binary"]
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)


def test_from_a_manifest_to_a_model_folder_and_again(tmp_path: Path) -> None:
    records(tmp_path)
    settings = ["--epochs", "2", "--hidden", "16", "--image-size", "16", "--batch", "8", "--threads", "1"]
    done = run(tmp_path, *settings)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "mine"
    description = yaml.safe_load((folder / "model.yaml").read_text(encoding="utf-8"))
    assert description["modalities"] == ["image", "text", "audio", "sensors"] and description["labels"] == LABELS
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "30 records: " in card and "Not measured" in card and "no teacher" in card
    assert (folder / "training.svg").read_text(encoding="utf-8").startswith("<svg")
    graph = (folder / "student.onnx").read_bytes()
    again = run(tmp_path, *settings)
    assert again.returncode == 0 and "step 1" not in again.stdout, "a finished run is not trained again"
    assert (folder / "student.onnx").read_bytes() == graph


def test_bad_input_ends_before_training_with_exit_code_2(tmp_path: Path) -> None:
    path = records(tmp_path, 12)
    path.write_text(path.read_text() + '{"text": "x", "label": "pink"}\n')
    done = run(tmp_path)
    assert done.returncode == 2 and not (tmp_path / ".mine.work").exists()
    assert done.stderr.startswith(f"error: {path}:13: unknown label") and "Traceback" not in done.stderr
    records(tmp_path, 12)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    done = run(tmp_path)
    assert done.returncode == 2 and "neither empty nor a model folder" in done.stderr
