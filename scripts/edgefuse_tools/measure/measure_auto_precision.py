"""Times every precision of a Whisper or BLIP folder on this machine: the evidence for `precision: auto`; prints a
table.

    python scripts/dev.py measure_auto_precision onnx/whisper-tiny.en tests/data/librivox-0870.wav
    python scripts/dev.py measure_auto_precision onnx/blip-base tests/data/easyvqa-23.png

Needs scripts/requirements/test.txt. One row per kind of graph in src/engine/auto_precision.rs: `signal`, one run of the
encoder, and `text`, one decoder step after 10 tokens. Times are milliseconds, the minimum of several rounds; the
precisions take turns, so that other load affects them alike. With `--threads 1` it is processor time, which depends
least on other load: use it on a machine that is not idle. For accuracy, see scripts/dev.py compare_precisions.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import yaml

from edgefuse_tools import ort_session
from edgefuse_tools.measure.compare_precisions import subject_of
from edgefuse_tools.processor import CPUINFO, processor_class

Times = dict[str, dict[str, float]]
"""Milliseconds by kind of graph and precision."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="model folder")
    parser.add_argument("files", type=Path, nargs="+", help="a picture, or 16-bit mono wav at 16 kHz")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5, help="turns of every precision (default: 5)")
    args = parser.parse_args()
    args.photographs, args.question = None, None
    processor = processor_class(CPUINFO.read_text("utf-8"))
    print(f"{processor}, ONNX Runtime {ort_session.VERSION}, threads: {args.threads}\n")
    print(table(args.model.name, measured(args)))
    return 0


def measured(args: argparse.Namespace) -> Times:
    """Minimum times of every precision that all measured graphs have."""
    subject, items = subject_of(args)
    graphs = yaml.safe_load((args.model / "model.yaml").read_text("utf-8"))["graphs"]
    names = list(next(iter(graphs.values()))["files"])
    models = {name: subject(args.model, args.threads, name) for name in names}
    times: Times = {"signal": {}, "text": {}}
    clock = time.thread_time if args.threads == 1 else time.perf_counter
    for _ in range(args.rounds):
        for name, model in models.items():
            encoder, steps = model.times(items[0], 1, clock)
            for kind, found in (("signal", encoder), ("text", steps["10"])):
                times[kind][name] = min(found, times[kind].get(name, found))
    return times


def table(model: str, times: Times) -> str:
    """A row per kind of graph."""
    names = list(times["signal"])
    lines = [f"| model | graph | {' | '.join(names)} | fastest |", f"|---|---|{'---:|' * len(names)}---|"]
    for kind, found in times.items():
        cells: list[Any] = [
            model,
            kind,
            *(f"{found[name]:.3g} ms" for name in names),
            min(found, key=found.__getitem__),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
