"""Evaluates a space of pictures and texts on captioned photographs, through the program; prints a table or JSON.

    python scripts/dev.py evaluate_photos [--json] [--model NAME]

The photographs are those of Debian's package tuxpaint-stamps-default, which has an English caption for each. It is under
the GPL: it is downloaded into build/ and never committed, and no model here was trained on it. A photograph is a picture
outside the folders of cartoons and symbols with at least 1,000 different colours. Figures:

- recall: the share of distinct nouns (captions without articles and remarks) for which a photograph with that caption
  is among the first 1, 5 or 10 of all;
- zero-shot: the share of photographs whose caption is the nearest of all distinct nouns, apart for nouns that are, or
  end with, a word for one of the model's classes, and others;
- folders: the share of photographs whose folder (`fruit`, `birds`, ...) is the nearest of all folders' names.

Needs a build of edgefuse, pillow, and `apt-get` or the unpacked package in --stamps.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from edgefuse_tools import ROOT
from edgefuse_tools.export.check import newest_program
from edgefuse_tools.export.encoder.imagenet import imagenet

PACKAGE = "tuxpaint-stamps-default"
UNPACKED = ROOT / "build" / PACKAGE
STAMPS = "usr/share/tuxpaint/stamps"
FOLDERS = ("animals", "clothes", "food", "hobbies", "household", "plants", "sports", "vehicles")
FEWEST_COLORS = 1000
OPAQUE = 200


@dataclass(frozen=True)
class Photograph:
    path: Path
    noun: str
    folder: str


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="photos", help="model folder in onnx/, or its path (default: photos)")
    parser.add_argument("--stamps", type=Path, help="folder into which the package was unpacked")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    photographs = find_photographs(options.stamps or fetch())
    figures = evaluate(photographs, options.model)
    if options.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:28} {value}")
    return 0


def fetch() -> Path:
    """Downloads and unpacks the package once."""
    if not UNPACKED.is_dir():
        with tempfile.TemporaryDirectory(dir=ROOT / "build") as scratch:
            subprocess.run(["apt-get", "download", PACKAGE], cwd=scratch, check=True)
            (package,) = Path(scratch).glob("*.deb")
            subprocess.run(["dpkg-deb", "-x", package.name, "unpacked"], cwd=scratch, check=True)
            (Path(scratch) / "unpacked").rename(UNPACKED)
    return UNPACKED


def find_photographs(root: Path) -> list[Photograph]:
    found = []
    stamps = root / STAMPS
    for path in sorted(stamps.rglob("*.png")):
        parts, caption = path.relative_to(stamps).parts, path.with_suffix(".txt")
        if (
            parts[0] not in FOLDERS
            or "cartoon" in "/".join(parts)
            or not caption.is_file()
            or colors(path) < FEWEST_COLORS
        ):
            continue
        text = caption.read_text("utf-8", errors="replace").splitlines()[0]
        found.append(Photograph(path, noun(text), parts[1] if len(parts) > 2 else parts[0]))
    return found


def colors(path: Path) -> int:
    """Number of different colours of the opaque pixels."""
    with Image.open(path) as image:
        pixels = np.asarray(image.convert("RGBA")).reshape(-1, 4)
    return len(np.unique(pixels[pixels[:, 3] > OPAQUE][:, :3].astype(np.int32) @ np.array([1 << 16, 1 << 8, 1])))


def noun(caption: str) -> str:
    """`An albino peahen (a female peafowl).` to `albino peahen`."""
    plain = re.sub(r"\(.*?\)", "", caption).strip(" .!?").lower()
    return re.sub(r"^(a|an|the|some|two)\s+", "", plain)


def is_class(text: str) -> bool:
    """Whether the noun is, or ends with, a word for a class of ImageNet."""
    words, text_words = {lemma.lower() for it in imagenet() for lemma in it.lemmas}, text.split()
    return any(" ".join(text_words[at:]) in words for at in range(len(text_words)))


def evaluate(photographs: list[Photograph], model: str) -> dict[str, float]:
    nouns, folders = (list(dict.fromkeys(getattr(it, key) for it in photographs)) for key in ("noun", "folder"))
    embeddings = embed(model, [it.path for it in photographs], [*nouns, *folders])
    pictures = embeddings[: len(photographs)]
    texts = embeddings[len(photographs) :]
    of_nouns, of_folders = texts[: len(nouns)] @ pictures.T, texts[len(nouns) :] @ pictures.T
    ranks = []
    for at, text in enumerate(nouns):
        relevant = [place for place, it in enumerate(photographs) if it.noun == text]
        ranks.append(int(np.isin(np.argsort(-of_nouns[at]), relevant).argmax()))
    right = np.array([nouns[best] for best in of_nouns.argmax(axis=0)]) == [it.noun for it in photographs]
    known = np.array([is_class(it.noun) for it in photographs])
    right_folder = np.array([folders[best] for best in of_folders.argmax(axis=0)]) == [it.folder for it in photographs]

    def percent(values: object) -> float:
        return round(100 * float(np.mean(np.asarray(values))), 1)

    return {
        "photographs": len(photographs),
        "nouns": len(nouns),
        "recall@1": percent(np.array(ranks) < 1),
        "recall@5": percent(np.array(ranks) < 5),
        "recall@10": percent(np.array(ranks) < 10),
        "zero_shot_classes": percent(right[known]),
        "photographs_of_classes": int(known.sum()),
        "zero_shot_others": percent(right[~known]),
        "folders": len(folders),
        "zero_shot_folders": percent(right_folder),
    }


def embed(model: str, pictures: list[Path], texts: list[str]) -> np.ndarray:
    """Embeddings of all pictures, then of all texts as queries: [pictures + texts, length], by edgefuse."""
    program = newest_program()
    if program is None:
        raise SystemExit("no edgefuse in target/: cargo build --release")
    path = Path(model) if (Path(model) / "model.yaml").is_file() else ROOT / "onnx" / model
    records: list[dict[str, str]] = [{"image": str(picture)} for picture in pictures] + [
        {"text": text} for text in texts
    ]
    with tempfile.TemporaryDirectory() as scratch:
        device, manifest = Path(scratch) / "device.yaml", Path(scratch) / "records.jsonl"
        device.write_text(
            f"device: evaluation\nmodels: {{space: {{path: {json.dumps(str(path.resolve()))}, precision: fp32}}}}\n"
            "pipeline: [embed: {text: query}]\n"
        )
        manifest.write_text("".join(json.dumps({"id": str(at), **it}) + "\n" for at, it in enumerate(records)))
        command = [str(program), "--config", str(device), "--format", "json", "--quiet", "run", str(manifest)]
        environment = {"ORT_DYLIB_PATH": str(ROOT / "lib/libonnxruntime.so")}
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    found = [json.loads(line)["embed"] for line in done.stdout.splitlines()]
    return np.array([it.get("image") or it["text"] for it in found])
