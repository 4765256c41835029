"""The worked example of docs/examples/digits.md: handwritten and spoken digits to a student, in one command.

Writes the pictures of scikit-learn's load_digits and the digits' names spoken by espeak-ng, with manifests, then runs
scripts/distill.py on them. The pictures and voices of the test records are not in training.

Needs scripts/requirements/train.txt, scikit-learn, the program espeak-ng, and target/release/edgefuse.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import time
import wave
from pathlib import Path

import numpy as np
from PIL import Image

from edgefuse_tools import ROOT
from edgefuse_tools.student.acoustics import EXAMINATION, TRAINING, record
from edgefuse_tools.student.log_mel import SAMPLE_RATE
from edgefuse_tools.student.speech import say
from edgefuse_tools.student.voices import Part, draw

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_TESTED = 0.25  # share of test pictures
_LACKING = 0.1  # share of training records without a picture; the same share has no sound
_SETTINGS = ["--image-size", "16", "--hidden", "64", "--epochs", "24", "--license", "BSD-3-Clause"]


def main() -> int:
    """Writes the data if it is missing, then runs distill.py."""
    arguments = _parser().parse_args()
    if shutil.which("espeak-ng") is None:
        print("error: espeak-ng, which speaks the digits, is not installed: apt-get install espeak-ng", file=sys.stderr)
        return 2
    started = time.monotonic()
    data = arguments.folder / "data"
    if not (data / "test.jsonl").is_file():
        data.mkdir(parents=True, exist_ok=True)
        write(data, arguments.seed, arguments.voices, arguments.test_voices)
    command = [sys.executable, ROOT / "scripts" / "distill.py", "--manifest", data / "train.jsonl"]
    command += ["--labels", data / "labels.txt", "--test", data / "test.jsonl", "--out", arguments.folder / "digits"]
    command += ["--seed", arguments.seed, "--threads", arguments.threads, *_SETTINGS]
    done = subprocess.run([str(word) for word in command], check=False)
    if done.returncode == 0:
        worked = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        print(f"{(time.monotonic() - started) / 60:.1f} minutes in all, {worked / 60:.1f} minutes of processor time")
    return done.returncode


def write(folder: Path, seed: int, voices: int, test_voices: int) -> None:
    """Pictures, recordings, ``labels.txt``, ``train.jsonl`` and, last, ``test.jsonl``."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(digits.target))
    tested = round(len(order) * _TESTED)
    spoken = {part: _speak(folder, seed, part, each) for part, each in ((Part.TRAIN, voices), (Part.TEST, test_voices))}
    (folder / "labels.txt").write_text("".join(f"{name}\n" for name in NAMES), encoding="utf-8")
    for name, part, rows in (("train", Part.TRAIN, order[tested:]), ("test", Part.TEST, order[:tested])):
        lines = []
        for row in rows:
            digit = int(digits.target[row])
            picture = f"{name}-{row:04}.png"
            pixels = np.clip(digits.images[row] * (255.0 / 16.0), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / picture)
            line = {"image": picture, "audio": str(rng.choice(spoken[part][digit])), "label": NAMES[digit]}
            lacking = rng.random() if part is Part.TRAIN else 1.0
            if lacking < 2 * _LACKING:
                del line["image" if lacking < _LACKING else "audio"]
            lines.append(json.dumps(line) + "\n")
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")


def _speak(folder: Path, seed: int, part: Part, each: int) -> list[list[str]]:
    """The recordings of every digit, by name."""
    conditions = TRAINING if part is Part.TRAIN else EXAMINATION
    written = []
    for digit, name in enumerate(NAMES):
        rng = np.random.default_rng([seed, list(Part).index(part), digit])
        files = []
        for number, voice in enumerate(draw(rng, part, each)):
            samples = record(rng, say(name, voice), conditions)
            files.append(f"{part.value}-{name}-{number:03}.wav")
            with wave.open(str(folder / files[-1]), "wb") as recording:
                recording.setnchannels(1)
                recording.setsampwidth(2)
                recording.setframerate(SAMPLE_RATE)
                recording.writeframes((np.clip(samples, -1.0, 1.0) * 32767.0).astype("<i2").tobytes())
        written.append(files)
        print(f"spoken for {part.value}: {name}, {each} times", flush=True)
    return written


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--folder", type=Path, default=ROOT / "build" / "examples", help="folder for the data and the student"
    )
    parser.add_argument("--voices", type=int, default=60, help="training recordings per digit")
    parser.add_argument("--test-voices", type=int, default=16, help="test recordings per digit")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch")
    return parser
