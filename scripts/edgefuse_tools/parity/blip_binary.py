"""Runs BLIP through the edgefuse binary: records and a device file in, result lines out."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgefuse_tools import ROOT

LIBRARY = ROOT / "lib" / "libonnxruntime.so"


def device_file(model: Path, step: dict[str, Any], precision: Any = "fp32", threads: int = 2) -> dict[str, Any]:
    """A device file with one model and one step."""
    return {
        "device": "reference",
        "runtime": {"library": str(LIBRARY), "threads": {"intra": threads, "inter": 1}},
        "execution_providers": ["cpu"],
        "models": {"blip": {"path": str(model.resolve()), "precision": precision}},
        "pipeline": [step],
    }


def run_records(binary: Path, device: dict[str, Any], records: Sequence[dict[str, str]]) -> list[dict[str, Any]]:
    """Result of the device file's step for each record (`image`, and `text` for a question), in one process."""
    with tempfile.TemporaryDirectory() as scratch:
        command = write_command(Path(scratch), binary, device, records)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    results = read_results(device, done.stdout)
    failed = [one["error"] for one in results if "error" in one]
    if done.returncode != 0 or failed or len(results) != len(records):
        raise SystemExit(f"{binary}: exit code {done.returncode}: {' '.join([*failed, done.stderr.strip()])}")
    return results


def write_command(folder: Path, binary: Path, device: dict[str, Any], records: Sequence[dict[str, str]]) -> list[str]:
    """Writes the device file and the manifest to `folder`; returns the command line."""
    config, manifest = folder / "device.yaml", folder / "records.jsonl"
    config.write_text(json.dumps(device), "utf-8")
    lines = [json.dumps({"id": str(number)} | record) for number, record in enumerate(records)]
    manifest.write_text("\n".join(lines) + "\n", "utf-8")
    return [str(binary), "--config", str(config), "--quiet", "--format", "json", "run", str(manifest)]


def read_results(device: dict[str, Any], output: str) -> list[dict[str, Any]]:
    """Results of the device file's only step in the program's output."""
    (step,) = device["pipeline"]
    key = {"ask": "answer"}.get(next(iter(step)), next(iter(step)))
    return [json.loads(line).get(key, {}) for line in output.splitlines()]


def searches_with_beams(binary: Path) -> bool:
    """Whether this build of the program supports beams, ranking and matching for BLIP."""
    completed = subprocess.run([str(binary), "caption", "--help"], capture_output=True, text=True, check=False)
    return "--beams" in completed.stdout
