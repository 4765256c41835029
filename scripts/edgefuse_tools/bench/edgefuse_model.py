"""Device files and precisions of the edgefuse runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from edgefuse_tools.bench import paths
from edgefuse_tools.bench.errors import BenchError

ORDER = ("fp32", "fp16", "int8", "q8", "q4")


def precisions(folder: Path) -> list[str]:
    """Every precision of the model folder, starting with the one in configs/cpu.yaml."""
    description = _read(folder / "model.yaml")
    try:
        found = {str(name) for graph in description["graphs"].values() for name in graph["files"]}
        first = label(shipped()["models"]["whisper"].get("precision"))
    except (KeyError, TypeError, AttributeError) as error:
        raise BenchError(f"{folder / 'model.yaml'} or {paths.DEVICE_FILE}: unexpected content: {error!r}") from error
    return order(found | {first}, first)


def label(precision: Any) -> str:
    """Name in the results of a device file's `precision`: one for all graphs, or one by graph."""
    if isinstance(precision, dict):
        return ", ".join(f"{graph} {name}" for graph, name in precision.items()).replace("default", "others")
    return str(precision)


def order(found: set[str], first: str) -> list[str]:
    """`found` with `first` first, if present, then in order of falling precision."""
    rank = {name: number for number, name in enumerate(ORDER)}
    return sorted(found, key=lambda name: (name != first, rank.get(name, len(rank)), name))


def shipped() -> dict[str, Any]:
    """configs/cpu.yaml."""
    return _read(paths.DEVICE_FILE)


def device_file(device: dict[str, Any], folder: Path, precision: str, threads: int, batched: bool) -> dict[str, Any]:
    """The device file `device` with these threads, and Whisper from `folder` in this precision.

    The voice activity model is kept only if it cuts the batches; its path becomes absolute.
    """
    runtime = {**device.get("runtime", {}), "library": str(paths.LIBRARY)}
    runtime["threads"] = {**runtime.get("threads", {}), "intra": threads, "inter": 1}
    whisper = {**device["models"]["whisper"], "path": str(folder)}
    if precision != label(whisper.get("precision")):
        whisper["precision"] = precision
    models = {"whisper": whisper}
    if batched and "vad" in device["models"]:
        vad = device["models"]["vad"]
        models["vad"] = {**vad, "path": str(paths.ROOT / vad["path"])}
    return {
        "device": "benchmark",
        "runtime": runtime,
        "execution_providers": ["cpu"],
        "models": models,
        "pipeline": [{"transcribe": {"language": "en"}}],
    }


def write_device_file(target: Path, content: dict[str, Any]) -> None:
    """JSON is YAML."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _read(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise BenchError(f"{path}: {' '.join(str(error).split())}") from error
    return content
