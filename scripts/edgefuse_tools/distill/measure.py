"""Measures the finished folder through the binary: accuracy, calibration and latency for each set of modalities."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from edgefuse_tools.distill.binary import Binary, BinaryError, Line
from edgefuse_tools.distill.examples import Examples
from edgefuse_tools.distill.manifest import Record
from edgefuse_tools.student.calibration import calibration_error


@dataclass(frozen=True)
class Figures:
    """Accuracy and expected calibration error (0..1) and median milliseconds per record, over ``count`` records."""

    count: int
    accuracy: float
    calibration_error: float
    milliseconds: float


def measure(
    binary: Binary, folder: Path, examples: Examples, rows: np.ndarray, truth: np.ndarray, labels: Sequence[str]
) -> dict[str, Figures]:
    """Figures of ``rows``, with all modalities of a record and with each one alone.

    truth: [rows], the correct labels. Raises BinaryError.
    """
    names = examples.modalities
    sets: dict[str, tuple[str, ...]] = {" + ".join(names): names}
    sets |= {f"{name} alone": (name,) for name in names if len(names) > 1}
    device = binary.device(["fuse"], student=folder)
    # One thread, so that the times are the cost of a record.
    device["runtime"] = (device.get("runtime") or {}) | {"threads": {"intra": 1, "inter": 1}}
    figures = {}
    for title, shown in sets.items():
        kept = [index for index, row in enumerate(rows) if all(examples.records[row].has(name) for name in shown)]
        if not kept:
            continue
        lines = [_line(examples.records[rows[index]], examples.sensors, shown) for index in kept]
        with tempfile.TemporaryDirectory() as scratch:
            found = binary.run(device, lines, Path(scratch) / "results.jsonl", resume=False)
        figures[title] = _figures([found[line["id"]] for line in lines], [labels[truth[index]] for index in kept])
    return figures


def _line(record: Record, sensors: Sequence[str], shown: Sequence[str]) -> Line:
    line: Line = {"id": str(record.line)}
    if record.image is not None and "image" in shown:
        line["image"] = str(record.image.resolve())
    if record.audio is not None and "audio" in shown:
        line["audio"] = str(record.audio.resolve())
    if record.text is not None and "text" in shown:
        line["text"] = record.text
    if record.sensors is not None and "sensors" in shown:
        line["sensors"] = dict(zip(sensors, record.sensors))
    return line


def _figures(lines: Sequence[Line], answers: Sequence[str]) -> Figures:
    for line in lines:
        if "label" not in line.get("fusion", {}):
            problem = line.get("error") or line.get("fusion", {}).get("error") or "no result"
            raise BinaryError(f"record of line {line['id']}: {problem}")
    fusions = [line["fusion"] for line in lines]
    right = np.array([fusion["label"] == answer for fusion, answer in zip(fusions, answers)])
    confidence = np.array([fusion["confidence"] for fusion in fusions])
    error = calibration_error(confidence, right)
    return Figures(len(right), float(right.mean()), error, median(fusion["ms"] for fusion in fusions))
