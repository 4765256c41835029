"""scripts/distill.py with encoders: features as in the reference, computed once; a student from pictures to decisions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

_REASON = "needs scripts/requirements/train.txt; run it in the training environment"
pytestmark = pytest.mark.training
pytest.importorskip("torch", reason=_REASON)
pytest.importorskip("tokenizers", reason=_REASON)

import yaml  # noqa: E402
from PIL import Image  # noqa: E402

from edgefuse_tools import ROOT  # noqa: E402
from edgefuse_tools.distill import features as features_module  # noqa: E402
from edgefuse_tools.distill.encoder import Encoder, EncoderError, Features, pixel_values  # noqa: E402
from edgefuse_tools.distill.features import features_of  # noqa: E402
from edgefuse_tools.distill.manifest import Manifest, ManifestError, Record  # noqa: E402
from edgefuse_tools.ort_session import open_session  # noqa: E402

ENCODERS = ROOT / "tests" / "fixtures" / "encoder"
PICTURE = ROOT / "tests" / "data" / "coffee.png"
LABELS = ["red", "green", "blue"]
TOLERANCE = 2e-4  # as in tests/cli/fuse.rs


def silent(_: str) -> None:
    pass


def expected(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ENCODERS / name / "expected.json").read_text(encoding="utf-8"))
    return found


def opened(name: str, modality: str) -> Features:
    return Encoder.read(ENCODERS / name, modality).open(1)


@pytest.mark.parametrize("name", ["clip", "siglip", "vit"])
def test_features_of_pictures_are_those_of_transformers(name: str) -> None:
    found, wanted = opened(name, "image").picture(PICTURE), np.array(expected(name)["embedding"])
    assert np.abs(found - wanted).max() < 1e-5


@pytest.mark.parametrize("name", ["clip", "siglip"])
def test_features_of_texts_are_those_of_transformers(name: str) -> None:
    features = opened(name, "text")
    for text in expected(name)["texts"]:
        assert np.abs(features.text(f" {text['text']} ") - np.array(text["embedding"])).max() < 1e-5


def test_a_centre_starts_at_the_same_pixel_as_in_the_runtime() -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (31, 50, 3), dtype=np.uint8))
    whole = np.asarray(image.resize((32, 20), Image.Resampling.BICUBIC), dtype=np.float32)
    for rounding, top, left in (("down", 1, 5), ("even", 2, 6)):
        settings = {"width": 21, "height": 17, "crop": {"shorter_side": 20, "rounding": rounding}}
        settings |= {"resample": "bicubic", "rescale": 1.0, "mean": [0.0] * 3, "std": [1.0] * 3}
        found = pixel_values(image, settings).transpose(1, 2, 0)
        assert np.array_equal(found, whole[top : top + 17, left : left + 21])


def asked(folder: Path, images: list[Path], texts: list[str | None]) -> Manifest:
    records = [Record(line, image, None, text, None, 0) for line, (image, text) in enumerate(zip(images, texts), 1)]
    return Manifest(folder / "m.jsonl", tuple(records), ())


def test_features_are_computed_once_for_each_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[str] = []
    original = features_module._computed

    def counted(features: Features, record: Record, modality: str) -> np.ndarray:
        computed.append(modality)
        return original(features, record, modality)

    monkeypatch.setattr(features_module, "_computed", counted)
    copied = tmp_path / "copy.png"
    copied.write_bytes(PICTURE.read_bytes())
    encoders = {"image": Encoder.read(ENCODERS / "vit", "image"), "text": Encoder.read(ENCODERS / "clip", "text")}
    manifest = asked(tmp_path, [PICTURE, copied], ["w1", None])
    first = features_of(manifest, encoders, tmp_path / "cache", 1, silent)
    assert computed == ["image", "text"] and first["text"][1] is None
    again = features_of(manifest, encoders, tmp_path / "cache", 1, silent)
    assert computed == ["image", "text"], "from the file"
    for modality in encoders:
        assert np.array_equal(first[modality][0], again[modality][0])  # type: ignore[arg-type]
    # Another encoder of the same length is another cache.
    other = {"image": Encoder.read(ENCODERS / "siglip", "image")}
    assert not np.array_equal(
        features_of(manifest, other, tmp_path / "cache", 1, silent)["image"][0],  # type: ignore[arg-type]
        first["image"][0],  # type: ignore[arg-type]
    )


def test_what_cannot_be_encoded_is_reported_with_its_line(tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_text("not a picture")
    encoders = {"image": Encoder.read(ENCODERS / "clip", "image"), "text": Encoder.read(ENCODERS / "clip", "text")}
    with pytest.raises(ManifestError) as raised:
        features_of(asked(tmp_path, [PICTURE, broken], ["w1 " * 40, "w1"]), encoders, tmp_path / "c", 1, silent)
    picture, text = str(raised.value).splitlines()
    assert "m.jsonl:2: `image`" in picture and "is not a readable picture" in picture
    assert "m.jsonl:1: `text`" in text and "tokens; the encoder accepts up to 16" in text


@pytest.mark.parametrize(
    ("folder", "modality", "problem"),
    [
        (ENCODERS / "none", "image", "cannot be read"),
        (ENCODERS / "vit", "text", "no graph `text`"),
        (ROOT / "tests" / "fixtures" / "student" / "raw", "image", "a model of kind `student`"),
    ],
)
def test_folders_that_are_no_encoders_are_refused(folder: Path, modality: str, problem: str) -> None:
    with pytest.raises(EncoderError, match=problem):
        Encoder.read(folder, modality)


def records(folder: Path, count: int = 24) -> None:
    """Pictures and texts that determine the label."""
    rng = np.random.default_rng(1)
    lines = []
    for index in range(count):
        pixels = (rng.random((40, 50, 3)) * 60).astype(np.uint8)
        pixels[8:30, 8:30, index % 3] = 230
        Image.fromarray(pixels).save(folder / f"{index}.png")
        lines.append({"image": f"{index}.png", "text": f"w{3 + index % 3} w9", "label": LABELS[index % 3]})
    (folder / "train.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    (folder / "labels.txt").write_text("\n".join(LABELS) + "\n", encoding="utf-8")


def distil(folder: Path, *more: object) -> subprocess.CompletedProcess[str]:
    words = ["--manifest", folder / "train.jsonl", "--labels", folder / "labels.txt", "--out", folder / "mine"]
    words += ["--epochs", 3, "--hidden", 16, "--own-layers", 3, "--batch", 8, "--threads", 1]
    words += ["--architecture", "cross-modal", "--binary", folder / "no-binary", *more]
    command = [sys.executable, ROOT / "scripts" / "distill.py", *words]
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)


def test_a_student_decides_about_a_picture_and_a_text_as_python_does(tmp_path: Path) -> None:
    records(tmp_path)
    image, text = ENCODERS / "vit", ENCODERS / "siglip"
    done = distil(tmp_path, "--image-encoder", image, "--text-encoder", text)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "mine"
    description = yaml.safe_load((folder / "model.yaml").read_text(encoding="utf-8"))
    named = description["image_embedding"]["made_by"]
    assert (folder / named).resolve() == image.resolve() and description["image_embedding"]["length"] == 32
    assert description["text_embedding"]["weights"] == Encoder.read(text, "text").weights()
    assert "sees through an encoder: image: tiny-vit" in (folder / "README.md").read_text(encoding="utf-8")

    session = open_session(folder / "student.onnx", threads=1)
    vectors = {"image": opened("vit", "image").picture(PICTURE), "text": opened("siglip", "text").text("w4 w9")}
    for shown in (["image", "text"], ["image"], ["text"]):
        fed = {f"{name}_embedding_in": (vectors[name] * (name in shown))[None] for name in vectors}
        presence = np.array([[float(name in shown) for name in description["modalities"]]], dtype=np.float32)
        (logits,) = session.run(["logits"], fed | {"presence": presence})
        exponents = np.exp(logits[0] - logits[0].max())
        wanted = dict(zip(LABELS, exponents / exponents.sum()))
        found = fuse(folder, {"image": ["--image", str(PICTURE)], "text": ["--text", "w4 w9"]}, shown)
        assert sorted(found["encoders"]) == sorted(shown) and len(found["probabilities"]) == len(LABELS)
        for label, probability in found["probabilities"]:
            assert abs(probability - wanted[label]) < TOLERANCE, (shown, label)


def fuse(folder: Path, words: dict[str, list[str]], shown: list[str]) -> dict[str, Any]:
    """The decision of the binary."""
    named = os.environ.get("EDGEFUSE")
    built = [ROOT / "target" / profile / "edgefuse" for profile in ("release", "debug")]
    program = Path(named) if named else next((path for path in built if path.is_file()), None)
    if program is None:
        pytest.skip("needs the binary: cargo build")
    command: list[str | Path] = [program, "--quiet", "--format", "json", "--model", folder, "fuse"]
    command += [word for name in shown for word in words[name]]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)["fusion"]
    return found


def test_encoders_that_do_not_suit_end_before_training_with_exit_code_2(tmp_path: Path) -> None:
    records(tmp_path, 12)
    for words, problem in (
        (["--text-encoder", ENCODERS / "vit"], "no graph `text`"),
        (["--audio-encoder", ENCODERS / "ear"], "no record of"),
        (["--heads", 3], "--hidden 16: is not a multiple of --heads 3"),
    ):
        done = distil(tmp_path, *words)
        assert done.returncode == 2 and problem in done.stderr and "Traceback" not in done.stderr
