"""A worked example: a student that answers questions about drawings, and sees through a picture and a sentence encoder.

Draws pictures and questions in the style of easy-VQA, then runs scripts/distill.py on them with EfficientNet-Lite0's 1280
features and all-MiniLM-L6-v2's 384, each projected to 512, three transformer layers for each, and attention across both.
The test records are drawn separately; their questions occur in training, about other pictures.

Needs scripts/requirements/train.txt, the encoders of scripts/setup.sh, and target/release/edgefuse or --binary.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

from edgefuse_tools import ROOT
from edgefuse_tools.easyvqa import drawing
from edgefuse_tools.easyvqa.labels import ANSWERS, COLOR_NAMES, SHAPES
from edgefuse_tools.easyvqa.questions import EASY, sample

_SHAPE = [
    "--architecture",
    "cross-modal",
    "--hidden",
    "512",
    "--heads",
    "8",
    "--own-layers",
    "3",
    "--fused-layers",
    "1",
]
_SETTINGS = [
    "--batch",
    "64",
    "--rate",
    "5e-4",
    "--modality-dropout",
    "0.2",
    "--held-out",
    "0.1",
    "--license",
    "MIT OR Apache-2.0",
]


def main() -> int:
    """Writes the data if it is missing, then runs distill.py."""
    arguments = _parser().parse_args()
    started = time.monotonic()
    data = arguments.folder / "data"
    if not (data / "test.jsonl").is_file():
        data.mkdir(parents=True, exist_ok=True)
        write(data, arguments.seed, arguments.pictures, arguments.test_pictures)
    command = [sys.executable, ROOT / "scripts" / "distill.py", "--manifest", data / "train.jsonl"]
    command += ["--labels", data / "labels.txt", "--test", data / "test.jsonl", "--out", arguments.folder / "drawings"]
    command += [
        "--image-encoder",
        arguments.image_encoder,
        "--text-encoder",
        arguments.text_encoder,
        *_SHAPE,
        *_SETTINGS,
    ]
    command += ["--binary", arguments.binary, "--epochs", arguments.epochs]
    command += ["--seed", arguments.seed, "--threads", arguments.threads]
    done = subprocess.run([str(word) for word in command], check=False)
    if done.returncode == 0:
        print(f"{(time.monotonic() - started) / 60:.1f} minutes in all")
    return done.returncode


def write(folder: Path, seed: int, pictures: int, test_pictures: int, questions: int = 4) -> None:
    """Pictures, ``labels.txt``, ``train.jsonl`` and, last, ``test.jsonl``, with ``questions`` about each picture."""
    (folder / "labels.txt").write_text("".join(f"{answer}\n" for answer in ANSWERS), encoding="utf-8")
    for number, (part, count) in enumerate({"train": pictures, "test": test_pictures}.items()):
        rng = np.random.default_rng([seed, number])
        drawn = drawing.draw(rng, count)
        lines = []
        for index, (image, shape, color) in enumerate(zip(drawn.images, drawn.shapes, drawn.colors)):
            name = f"{part}-{index:05}.png"
            Image.fromarray(image).save(folder / name)
            for _ in range(questions):
                asked = sample(rng, SHAPES[shape], COLOR_NAMES[color], EASY)
                lines.append(json.dumps({"image": name, "text": asked.text, "label": asked.answer}) + "\n")
        (folder / f"{part}.jsonl").write_text("".join(lines), encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    folder = ROOT / "build" / "examples" / "encoders"
    parser.add_argument("--folder", type=Path, default=folder, help="folder for the data and the student")
    parser.add_argument("--image-encoder", type=Path, default=ROOT / "onnx" / "efficientnet-lite0")
    parser.add_argument("--text-encoder", type=Path, default=ROOT / "onnx" / "minilm-l6")
    parser.add_argument("--pictures", type=int, default=1000, help="training pictures, with four questions each")
    parser.add_argument("--test-pictures", type=int, default=75)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch and ONNX Runtime")
    parser.add_argument("--binary", type=Path, default=ROOT / "target" / "release" / "edgefuse")
    return parser
