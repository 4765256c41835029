"""Compares an exported vision-language model with transformers: pictures, rows, logits and greedy texts.

    python scripts/dev.py verify_vlm                       a tiny SmolVLM with random weights
    python scripts/dev.py verify_vlm --size 256m           one of SmolVLM-256M's sizes, with random weights
    python scripts/dev.py verify_vlm path/to/SmolVLM-256M-Instruct

Needs scripts/requirements/fixtures.txt. Exports the checkpoint in both dialects in fp32 into a
temporary folder, and runs it beside transformers on photographs.
Prints JSON: for each dialect the largest differences of a row of the pictures and of a logit, the largest logit, and how many
of the greedy texts are the same. Exit code 1 if a difference is above the tolerance, or a text differs.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from edgefuse_tools import ROOT
from edgefuse_tools.export.graphs.graph import Dialect
from edgefuse_tools.export.graphs.precision import Precision
from edgefuse_tools.export.vlm.exporter import export_vlm
from edgefuse_tools.parity import vlm_random
from edgefuse_tools.parity.vlm_onnx import OnnxVlm
from edgefuse_tools.parity.vlm_reference import ReferenceVlm

TOLERANCE = 1e-3
CASES: list[list[str]] = [["rocket.jpg"], ["chelsea.png", "easyvqa-0.png"], []]
"""Pictures of each conversation."""
MESSAGE = "the house and the river?"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, nargs="?", help="Hugging Face folder (default: random weights)")
    parser.add_argument("--size", choices=list(vlm_random.SIZES), default="tiny", help="of random weights")
    parser.add_argument("--longest", type=int, metavar="N", help="pixels of a picture's longer side: fewer are faster")
    parser.add_argument("--tokens", type=int, default=50, help="tokens of each greedy text (default: 50)")
    parser.add_argument("--cases", type=int, default=len(CASES), help="number of conversations (default: all)")
    parser.add_argument(
        "--dialects", nargs="+", choices=[it.value for it in Dialect], default=[it.value for it in Dialect]
    )
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as parent:
        folder = args.source or Path(parent) / "checkpoint"
        if args.source is None:
            changes = {"size": {"longest_edge": args.longest}} if args.longest else {}
            vlm_random.save(folder, size=args.size, processor=changes)
        report = compared(folder, Path(parent), args)
    report["source"] = args.source.name if args.source else f"random, {args.size}"
    print(json.dumps(report))
    right = all(
        max(found["largest_row_difference"], found["largest_logit_difference"]) <= TOLERANCE
        and found["same_texts"] == report["conversations"]
        for found in report["dialects"].values()
    )
    return 0 if right else 1


def compared(folder: Path, parent: Path, args: argparse.Namespace) -> dict[str, Any]:
    reference = ReferenceVlm(folder)
    cases = []
    for names in CASES[: args.cases]:
        paths = [ROOT / "tests/data" / name for name in names]
        shown = reference.shown([{"role": "user", "content": MESSAGE, "images": len(names)}], paths)
        rows = reference.rows(shown) if paths else None
        started = time.monotonic()
        text, logits = reference.greedy(shown, args.tokens)
        cases.append((shown, rows, text, logits))
        print_progress(f"transformers: {len(shown.ids)} tokens of the prompt, {time.monotonic() - started:.1f} s")
    report: dict[str, Any] = {
        "tokens": args.tokens,
        "conversations": len(cases),
        "prompt_tokens": [len(shown.ids) for shown, *_ in cases],
        "largest_logit": float(max(np.abs(logits).max() for *_, logits in cases)),
        "dialects": {},
    }
    for dialect in map(Dialect, args.dialects):
        out = parent / dialect.value
        source = dict.fromkeys(("weights", "origin", "license"), "unknown") | {"exporter": "scripts/dev.py verify_vlm"}
        export_vlm(folder, out, name="verify", source=source, dialect=dialect, precisions=[Precision.FP32])
        model = OnnxVlm(out, threads=args.threads)
        of_rows, of_logits, same = 0.0, 0.0, 0
        for shown, expected_rows, text, expected in cases:
            rows = np.zeros((1, model.width), np.float32)
            if expected_rows is not None and shown.pixels is not None:
                rows = model.rows(shown.pixels)
                of_rows = max(of_rows, float(np.abs(rows - expected_rows).max()))
            written, logits = model.written(shown.ids, rows, args.tokens)
            of_logits = max(of_logits, float(np.abs(logits - expected).max())) if written == text else np.inf
            same += written == text
            print_progress(
                f"{dialect.value}: {len(shown.ids)} tokens of the prompt, {'same' if written == text else 'another'} text"
            )
        report["dialects"][dialect.value] = {
            "largest_row_difference": of_rows,
            "largest_logit_difference": of_logits,
            "same_texts": same,
        }
    return report


def print_progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
