"""Compares the precisions of an exported Whisper or BLIP folder with its fp32; prints JSON, or with --markdown a table.

    python scripts/dev.py compare_precisions onnx/whisper-tiny.en tests/data/librivox-*.wav
    python scripts/dev.py compare_precisions onnx/blip-base --photographs 100
    python scripts/dev.py compare_precisions onnx/blip-base tests/data/easyvqa-*.png --question "what shape is in the image?"

Needs scripts/requirements/test.txt; a question also needs the package tokenizers, and more than three photographs need
scikit-image and scikit-learn. BLIP captions, or answers the question. One line per precision, each measured in its own
process:

- logit_difference: the largest, when both are fed the tokens that fp32 decodes greedily (plain argmax, no rules);
- tokens_agreeing: share of positions where both then choose the same token; texts_identical: items where they do at all
  positions, so that greedy search writes the same text;
- encoder_ms for 30 s of sound or a picture, step_ms for one token after 10 or more: minimum of several runs; wall
  clock, or with one thread processor time, which depends less on other load;
- load_ms: loading of the graphs' sessions, with the files in the page cache;
- peak_mb: largest growth of the process's resident memory (VmHWM), from before loading to after decoding;
- disk_mb: size of the graphs' files.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from edgefuse_tools import ROOT, offline  # noqa: F401  # isort: skip  turns telemetry off before onnxruntime is loaded
import numpy as np
import yaml

from edgefuse_tools import ort_session

MEBIBYTE = 1 << 20


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="model folder")
    parser.add_argument("files", type=Path, nargs="*", help="pictures, or 16-bit mono wav at 16 kHz (the first 30 s)")
    parser.add_argument(
        "--photographs", type=int, metavar="N", help="use N photographs and crops of them instead of files"
    )
    parser.add_argument("--question", help="answer this question (BLIP) instead of captioning")
    parser.add_argument("--precision", nargs="+", help="precisions to compare with fp32 (default: all of the folder)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=10, help="runs per measurement (default: 10)")
    parser.add_argument("--markdown", action="store_true", help="print a table, as in docs/models, instead of JSON")
    parser.add_argument("--measure", nargs=2, metavar=("PRECISION", "FILE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        measure(args, args.measure[0], Path(args.measure[1]))
        return 0
    if not (args.files or args.photographs):
        parser.error("pass files, or --photographs N")
    description = yaml.safe_load((args.model / "model.yaml").read_text("utf-8"))
    available = {name: None for graph in description["graphs"].values() for name in graph["files"]}
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for precision in ["fp32", *(name for name in args.precision or available if name != "fp32")]:
            command = [sys.executable, str(ROOT / "scripts/dev.py"), "compare_precisions", *sys.argv[1:]]
            command += ["--measure", precision, str(Path(scratch, "logits.npz"))]
            line = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            print(line, end="", flush=True, file=sys.stderr if args.markdown else sys.stdout)
            rows.append(json.loads(line))
    if args.markdown:
        print(table(rows))
    return 0


def table(rows: list[dict[str, Any]]) -> str:
    """One row per precision."""
    lines = [
        "| model | precision | logits | agree | texts the same | encoder ms | step ms | peak MB | disk MB |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        cells = [row["model"], row["precision"], f"{row['logit_difference']:.2g}", f"{row['tokens_agreeing']:.1%}"]
        steps = ", ".join(f"{step:.3g}" for step in row["step_ms"].values())
        cells += [row["texts_identical"], f"{row['encoder_ms']:.3g}", steps]
        cells += [f"{row[key]:.3g}" for key in ("peak_mb", "disk_mb")]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def measure(args: argparse.Namespace, precision: str, found: Path) -> None:
    """Prints the line of one precision. fp32 saves its logits to `found`; the others compare theirs with them."""
    subject, items = subject_of(args)
    before = memory("VmRSS")
    start = time.perf_counter()
    model = subject(args.model, args.threads, precision)
    load = time.perf_counter() - start
    if precision == "fp32":
        logits = [model.decode(item, None) for item in items]
        np.savez(found, *logits)
    expected = list(np.load(found).values())
    if precision != "fp32":
        logits = [model.decode(item, reference.argmax(1)) for item, reference in zip(items, expected)]
    peak = memory("VmHWM") - before
    same = [found.argmax(1) == reference.argmax(1) for found, reference in zip(logits, expected)]
    clock = time.thread_time if args.threads == 1 else time.perf_counter
    encoder, steps = model.times(items[0], args.repeat, clock)
    report = {
        "model": args.model.name,
        "precision": precision,
        "logit_difference": max(float(np.abs(found - reference).max()) for found, reference in zip(logits, expected)),
        "tokens_agreeing": float(np.concatenate(same).mean()),
        "texts_identical": f"{sum(text.all() for text in same)} of {len(same)}",
        "encoder_ms": encoder,
        "step_ms": steps,
        "load_ms": load * 1000,
        "peak_mb": peak / MEBIBYTE,
        "disk_mb": size(model.description, precision, model.roles) / MEBIBYTE,
        "threads": args.threads,
        "onnxruntime": ort_session.VERSION,
    }
    print(json.dumps(report, default=float), flush=True)


def subject_of(args: argparse.Namespace) -> tuple[Any, list[Any]]:
    """A function that loads the model in a precision, and the items to decode."""
    description = yaml.safe_load((args.model / "model.yaml").read_text("utf-8"))
    if description["kind"] == "whisper":
        from edgefuse_tools.parity.whisper_precision import WhisperSubject

        return WhisperSubject, WhisperSubject.items(args.files)
    if description["kind"] != "blip":
        raise SystemExit(f"{args.model}: kind {description['kind']}; expected whisper or blip")
    from edgefuse_tools.parity.blip_precision import BlipSubject, items_of

    return partial(BlipSubject, answers=bool(args.question)), items_of(args, description)


def size(description: dict[str, Any], precision: str, roles: tuple[str, ...]) -> int:
    """Bytes of the graph files and their weights."""
    names = {description["graphs"][role]["files"][precision] for role in roles}
    files = description["files"]
    return sum(files[name]["bytes"] + files.get(f"{name}.data", {"bytes": 0})["bytes"] for name in names)


def memory(key: str) -> int:
    """Resident memory of this process in bytes: `VmRSS`, current; `VmHWM`, peak."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:"))
