"""Runs the edgefuse binary with the user's device file, other steps, and optionally another student."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

Line = dict[str, Any]
_SOME_FAILED = 1  # exit code if single records failed


class BinaryError(Exception):
    """The binary produced no results."""


@dataclass(frozen=True)
class Binary:
    """The program, and the device file with the paths of its library and models."""

    program: Path
    config: Path

    def device(self, steps: Sequence[Any], student: Path | None = None) -> Line:
        """The device file with other ``steps`` and, if given, another ``student``; every path absolute.

        Raises BinaryError if the device file cannot be read.
        """
        try:
            device = yaml.safe_load(self.config.read_text(encoding="utf-8"))
        except (OSError, yaml.YAMLError) as error:
            raise BinaryError(f"{self.config}: cannot be read: {error}".replace("\n", " ")) from None
        if not isinstance(device, dict):
            raise BinaryError(f"{self.config}: not a device file")
        folder = self.config.resolve().parent
        # As in the binary: paths start from the parent of a folder named `configs`.
        base = folder.parent if folder.name == "configs" else folder
        runtime = device.get("runtime") or {}
        if isinstance(runtime, dict) and "library" in runtime:
            runtime["library"] = str(base / runtime["library"])
        elif (base / "lib" / "libonnxruntime.so").is_file():
            device["runtime"] = runtime | {"library": str(base / "lib" / "libonnxruntime.so")}
        models = device.get("models") or {}
        for kind, entry in models.items():
            models[kind] = entry | {"path": str(base / entry["path"])} if isinstance(entry, dict) else str(base / entry)
        if student is not None:
            models["student"] = {"path": str(student.resolve())}
        return device | {"models": models, "pipeline": list(steps)}

    def run(self, device: Line, records: Sequence[Line], output: Path, resume: bool) -> dict[str, Line]:
        """Results by id, also written to ``output``; failed records contain an ``error``.

        Raises BinaryError if the binary could not run at all.
        """
        with tempfile.TemporaryDirectory() as scratch:
            config, manifest = Path(scratch) / "device.yaml", Path(scratch) / "records.jsonl"
            config.write_text(yaml.safe_dump(device), encoding="utf-8")
            manifest.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
            command = [str(self.program), "--config", str(config), "run", str(manifest), "--output", str(output)]
            done = subprocess.run(
                [*command, "--quiet", *(["--resume"] if resume else [])],
                stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False,
            )  # fmt: skip
        if done.returncode not in (0, _SOME_FAILED) or not output.is_file():
            last = done.stderr.strip().splitlines()
            raise BinaryError(last[-1] if last else f"{self.program}: exit code {done.returncode}")
        lines = map(json.loads, output.read_text(encoding="utf-8").splitlines())
        return {line["id"]: line for line in lines}
