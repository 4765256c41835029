#!/usr/bin/env python3
"""Writes tests/fixtures/student: two small students with random weights, and what PyTorch computes with them.

`embedded` takes readings of sensors and the embeddings of a picture and a text; `raw` takes words, readings, a picture and
a sound, in that order. Inputs go through the preprocessing of scripts/distill.py, so that the Rust tests compare the runtime's
with what a student is trained on. Needs scripts/requirements/train.txt.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from distilling import media
from distilling.words import words_of
from student.forms import Embedding, Interface, Picture, Readings, Sensor, Sound
from student.fusion import ARCHITECTURES, FusionModel, Widths
from student.model_folder import write_model

_ROOT = Path(__file__).resolve().parent.parent
_FOLDER = _ROOT / "tests" / "fixtures" / "student"
_SENSORS = Readings((Sensor("temperature", "°C", 20.0, 5.0), Sensor("humidity", "%", 50.0, 20.0)))
_READINGS = {"temperature": 26.5, "humidity": 31.0}
_TEXT = "what color is the shape?"
_IMAGE, _AUDIO = "tests/data/easyvqa-23.png", "tests/data/question-color.wav"
_LABELS = ["idle", "running", "blocked"]
_SOURCE = {
    "weights": "random",
    "origin": "drawn by scripts/make_fixtures_student.py",
    "license": "MIT OR Apache-2.0",
    "exporter": "scripts/make_fixtures_student.py",
}
_HIDDEN = 8
_SMALL = Widths(heads=2, feed_forward=16, own_layers=1, fused_layers=1)


def main() -> int:
    """Write both folders and the expected outputs."""
    torch.manual_seed(7)
    shutil.rmtree(_FOLDER, ignore_errors=True)
    forms = {
        "sensors": _SENSORS,
        "image": Embedding(32, "an image encoder"),
        "text": Embedding(24, "a sentence encoder"),
    }
    vectors = {"image": _vector(32), "text": _vector(24)}
    given: dict[str, Any] = {"sensors": _READINGS, **{f"{name}_embedding": vector for name, vector in vectors.items()}}
    fed = {f"{name}_embedding": torch.tensor([vector]) for name, vector in vectors.items()}
    expected = {"embedded": _case("embedded", "cross-modal", forms, given, fed | {"sensors": _readings()})}

    picture = Picture(16, 16, (0.5, 0.4, 0.3), (0.3, 0.2, 0.25))
    words = words_of([_TEXT])
    forms = {"text": words, "sensors": _SENSORS, "image": picture, "audio": Sound()}
    pixels = (media.picture(_ROOT / _IMAGE, 16) / 255.0 - picture.mean) / picture.std
    ids = words.tokenizer.encode(_TEXT).ids
    fed = {
        "input_ids": torch.tensor([ids]),
        "attention_mask": torch.ones(1, len(ids), dtype=torch.int64),
        "sensors": _readings(),
        "image": torch.tensor(pixels.transpose(2, 0, 1)[None], dtype=torch.float32),
        "log_mel": torch.tensor(media.frames(_ROOT / _AUDIO).T[None].astype(np.float32)),
    }
    given = {"text": _TEXT, "sensors": _READINGS, "image": _IMAGE, "audio": _AUDIO}
    expected["raw"] = _case("raw", "shared", forms, given, fed)
    (_FOLDER / "expected.json").write_text(json.dumps(expected, indent=1) + "\n", encoding="utf-8")
    print(f"{_FOLDER}: {sum(it.stat().st_size for it in _FOLDER.rglob('*') if it.is_file())} bytes")
    return 0


def _case(
    name: str, architecture: str, forms: dict[str, Any], given: dict[str, Any], fed: dict[str, torch.Tensor]
) -> list[dict[str, Any]]:
    """Writes one folder; gives what its model answers with everything, and with each modality alone."""
    interface = Interface(forms, _LABELS, _HIDDEN)
    model: FusionModel = ARCHITECTURES[architecture](interface, _SMALL).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)  # so that every input matters
    write_model(model, interface, _FOLDER / name, _SOURCE)
    cases = []
    for shown in [list(forms), *([one] for one in forms)]:
        presence = torch.tensor([[float(modality in shown) for modality in forms]])
        with torch.inference_mode():
            outputs = model(presence=presence, **fed)
        record = {key: value for key, value in given.items() if key.removesuffix("_embedding") in shown}
        probabilities = outputs["logits"].softmax(dim=1)[0].tolist()
        cases.append(
            {
                "given": record,
                "probabilities": {label: round(it, 6) for label, it in zip(_LABELS, probabilities)},
                "embedding": [round(it, 6) for it in outputs["embedding"][0].tolist()],
                "embeddings": {it: [round(x, 6) for x in outputs[f"{it}_embedding"][0].tolist()] for it in shown},
            }
        )
    return cases


def _vector(length: int) -> list[float]:
    return [round(value, 4) for value in torch.randn(length).tolist()]


def _readings() -> torch.Tensor:
    return torch.tensor([[(_READINGS[it.name] - it.mean) / it.std for it in _SENSORS.sensors]])


if __name__ == "__main__":
    sys.exit(main())
