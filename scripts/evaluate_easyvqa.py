#!/usr/bin/env python3
"""Measures the small BLIP and the student on easy-VQA's test questions, through the edgefuse binary.

Prints one JSON object. Nothing is sampled: all 1,000 pictures and 9,673 questions. Needs the release build and the set-up.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from easyvqa import download
from easyvqa.labels import COLOR_NAMES, SHAPES, caption, told

_ROOT = Path(__file__).resolve().parent.parent

_DEVICE = """\
device: evaluation
runtime: {{library: {root}/lib/libonnxruntime.so, threads: {{intra: {threads}, spinning: true}}, on_missing_provider: error}}
models:
  blip: {{path: {root}/onnx/blip-easyvqa}}
  student: {{path: {root}/onnx/student}}
pipeline:
{steps}"""

Line = dict[str, Any]


def main() -> int:
    """Runs the three evaluations and prints their figures."""
    arguments = _parser().parse_args()
    data = download.ensure(arguments.data) / "data" / "test"
    questions: list[tuple[str, str, int]] = json.loads((data / "questions.json").read_text(encoding="utf-8"))
    images = data / "images"
    truth = _captions(questions)

    ask = [_record(images, image, text) for text, _, image in questions]
    started = time.monotonic()
    answered = _run(arguments, ask, ["ask: {question: text}", "fuse: {text: text}"])
    captioned = _run(arguments, [_record(images, image, None) for image in sorted(truth)], ["caption"])
    expected = [answer for _, answer, _ in questions]
    figures = {
        "questions": len(questions),
        "blip_accuracy": _share(line["answer"]["text"] == answer for line, answer in zip(answered, expected)),
        "student_accuracy": _share(line["fusion"]["label"] == answer for line, answer in zip(answered, expected)),
        "student_agrees_with_blip": _share(line["fusion"]["label"] == line["answer"]["text"] for line in answered),
        "captions": len(captioned),
        "caption_accuracy": _share(
            line["caption"]["text"] == truth[image] for line, image in zip(captioned, sorted(truth))
        ),
        "blip_answer_ms": round(median(line["answer"]["ms"] for line in answered), 2),
        "student_ms": round(median(line["fusion"]["ms"] for line in answered), 2),
        "threads": arguments.threads,
        "seconds": round(time.monotonic() - started, 1),
    }
    print(json.dumps(figures))
    return 0


def _captions(questions: list[tuple[str, str, int]]) -> dict[int, str]:
    """The true caption of each picture whose questions tell both its colour and its shape."""
    shapes: dict[int, str] = {}
    colors: dict[int, str] = {}
    for text, answer, image in questions:
        for names, found in ((SHAPES, shapes), (COLOR_NAMES, colors)):
            name = told(text, answer, names)
            if name is not None:
                found[image] = name
    return {image: caption(shape, colors[image]) for image, shape in shapes.items() if image in colors}


def _record(images: Path, image: int, text: str | None) -> Line:
    record: Line = {"image": str(images / f"{image}.png")}
    return record if text is None else record | {"text": text}


def _run(arguments: argparse.Namespace, records: list[Line], steps: list[str]) -> list[Line]:
    """Result lines of `edgefuse run` with these steps, in the order of `records`."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        device = folder / "device.yaml"
        text = _DEVICE.format(root=_ROOT, threads=arguments.threads, steps="".join(f"  - {step}\n" for step in steps))
        device.write_text(text, encoding="utf-8")
        manifest = folder / "records.jsonl"
        manifest.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        output = folder / "results.jsonl"
        command = [arguments.binary, "--config", device, "run", manifest, "--output", output]
        subprocess.run([str(word) for word in command], check=True)
        lines = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    if len(lines) != len(records):
        raise RuntimeError(f"{len(lines)} results for {len(records)} records")
    return lines


def _share(hits: Any) -> float:
    results = list(hits)
    return round(sum(results) / len(results), 5)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=_ROOT / "build" / "data" / "easy_vqa", help="fetched when absent")
    parser.add_argument("--binary", type=Path, default=_ROOT / "target" / "release" / "edgefuse")
    parser.add_argument("--threads", type=int, default=1, help="threads inside one operator")
    parser.add_argument("--json", action="store_true", help="accepted for symmetry: the output is always JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
