"""The device files that edgefuse is run with, and the precisions that there are to run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from bench import paths
from bench.errors import BenchError

ORDER = ("fp32", "fp16", "int8", "q8", "q4")


def precisions(folder: Path) -> list[str]:
    """Every precision of the model folder, the one that configs/cpu.yaml ships with first."""
    try:
        description = yaml.safe_load((folder / "model.yaml").read_text(encoding="utf-8"))
        device = yaml.safe_load(paths.DEVICE_FILE.read_text(encoding="utf-8"))
        found = {str(name) for graph in description["graphs"].values() for name in graph["files"]}
        first = device["models"]["whisper"].get("precision")
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise BenchError(f"{folder / 'model.yaml'} or {paths.DEVICE_FILE}: not understood: {error!r}") from error
    return order(found, str(first))


def order(found: set[str], first: str) -> list[str]:
    """`found` with `first` first, if it is there, then in the order in which precision falls."""
    rank = {name: number for number, name in enumerate(ORDER)}
    return sorted(found, key=lambda name: (name != first, rank.get(name, len(rank)), name))


def write_device_file(target: Path, folder: Path, precision: str, threads: int) -> None:
    """A device file like configs/cpu.yaml, with these threads and this precision; JSON is YAML."""
    content: dict[str, Any] = {
        "device": "benchmark",
        "runtime": {
            "library": str(paths.LIBRARY),
            "threads": {"intra": threads, "inter": 1, "spinning": True},
            "on_missing_provider": "error",
        },
        "execution_providers": ["cpu"],
        "models": {"whisper": {"path": str(folder), "precision": precision}},
        "pipeline": [{"transcribe": {"language": "en"}}],
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
