"""Trains the student four times on one short schedule, each time without one of its ideas, and measures each once.

Prints one JSON object, or with --markdown the table of docs/models/student.md. The figures are those of
evaluate_easyvqa: all test questions through the binary. Run it again to resume. Needs the same as train_student and
evaluate_easyvqa (scripts/requirements/train.txt, espeak-ng, the release build).
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from edgefuse_tools import ROOT

_ROWS = ("typed", "spoken", "retrieval")
#: The omitted idea, and its name in the table.
_VARIANTS = {
    "nothing": "complete",
    "distillation": "without distillation (the true answers only)",
    "contrastive": "without the contrastive losses",
    "shared-attention": "without attention over all modalities (two layers fuse their first tokens)",
}


def main() -> int:
    """Trains and measures missing variants, and prints all."""
    arguments = _parser().parse_args()
    found = {}
    for name in _VARIANTS:
        kept = arguments.work / name / "figures.json"
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            _train(arguments, name)
            kept.write_text(json.dumps(_measure(arguments, name)) + "\n", encoding="utf-8")
        found[name] = json.loads(kept.read_text(encoding="utf-8"))
    print(_table(found) if arguments.markdown else json.dumps(found))
    return 0


def _train(arguments: argparse.Namespace, name: str) -> None:
    folder = arguments.work / name
    # All variants share the teacher's answers.
    for kept in (arguments.work / "nothing").glob("teacher-*.npy"):
        if not (folder / kept.name).exists():
            shutil.copy(kept, folder)
    steps = {"typed": arguments.typed_steps, "listening": arguments.listening_steps, "mixed": arguments.mixed_steps}
    command: list[object] = [sys.executable, ROOT / "scripts/dev.py", "train_student", "--without", name]
    command += ["--checkpoint", folder, "--output", folder / "student", "--speech", arguments.speech]
    command += ["--drawings", arguments.drawings, "--threads", arguments.threads, "--every", 150]
    for stage, count in steps.items():
        command += [f"--{stage}-steps", count]
    subprocess.run([str(word) for word in command], check=True, stdout=sys.stderr)


def _measure(arguments: argparse.Namespace, name: str) -> dict[str, Any]:
    folder = arguments.work / name
    command: list[object] = [sys.executable, ROOT / "scripts/dev.py", "evaluate_easyvqa", "--rows", *_ROWS]
    command += ["--student", folder / "student", "--results", folder / "results"]
    command += ["--recordings", arguments.recordings]
    output = subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE, text=True).stdout
    figures: dict[str, Any] = json.loads(output)
    return figures


def _table(found: dict[str, dict[str, Any]]) -> str:
    heads = ("typed", "spoken", "text to image", "speech to image", "image to text", "calibration error, typed")
    lines = [f"| | {' | '.join(heads)} |", "|---" * (1 + len(heads)) + "|"]
    for name, figures in found.items():
        asked = [figures[f"student_{row}"]["accuracy"] for row in ("typed", "spoken")]
        recalled = [figures["recall_at_1"][key] for key in ("text_to_image", "speech_to_image", "image_to_text")]
        cells = [f"{100 * value:.1f} %" for value in (*asked, *recalled)]
        cells.append(f"{figures['student_typed']['calibration_error']:.3f}")
        lines.append(f"| {_VARIANTS[name]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    build = ROOT / "build"
    parser.add_argument(
        "--work", type=Path, default=build / "ablations", help="folder for trained students and results"
    )
    parser.add_argument("--speech", type=Path, default=build / "data" / "speech", help="rendered when absent")
    parser.add_argument("--recordings", type=Path, default=build / "data" / "speech" / "test", help="made when absent")
    parser.add_argument("--drawings", type=int, default=5000, help="number of drawn training pictures")
    parser.add_argument("--typed-steps", type=int, default=200)
    parser.add_argument("--listening-steps", type=int, default=250)
    parser.add_argument("--mixed-steps", type=int, default=700)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--markdown", action="store_true", help="print the table instead of JSON")
    return parser
