"""Exports downloaded weights to a model folder."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgefuse_tools.setup import environment, paths
from edgefuse_tools.setup.errors import SetupError
from edgefuse_tools.setup.files import Stamp, digest
from edgefuse_tools.setup.paths import shown

PARTS = (".py", ".tsv", ".npz")
"""Of the exporters: programs and the tables that they read."""


@dataclass(frozen=True)
class Export:
    """`onnx/<name>`, written by `scripts/export.py <kind>`; `origin` and `license` are those of the weights."""

    kind: str
    name: str
    origin: str
    license: str
    options: Callable[[], Sequence[object]] = tuple
    """Further arguments of the exporter, made when they are needed."""

    def ensure(self, pins: object, weights: Callable[[], Path]) -> bool:
        """Makes sure that the folder is up to date with exporter and weights; returns whether there was anything to do.

        `pins` identify the weights; `weights` downloads them, and is called only for an export: `build/` may be
        deleted.
        """
        program = paths.SCRIPTS / "export.py"
        tools = sorted((paths.TOOLS / "export").rglob("*"))
        exporter = [program, *(path for path in tools if path.suffix in PARTS)]
        made_from = digest(pins, self.origin, environment.requirements("setup"), *exporter)
        stamp = Stamp(self.name)
        if stamp.is_current(made_from):
            return False
        source, target = weights(), paths.MODELS / self.name
        command = [paths.PYTHON, program, self.kind, source, target, "--origin", self.origin, "--license", self.license]
        command += self.options()
        print(f"      exporting {shown(source)} to {shown(target)}", flush=True)
        exported = subprocess.run([str(word) for word in command], cwd=paths.ROOT, check=False)
        if exported.returncode != 0:
            raise SetupError(
                f"{shown(target)}: scripts/export.py {self.kind} failed with exit code {exported.returncode}"
            )
        stamp.write(made_from, [path for path in sorted(target.rglob("*")) if path.is_file()])
        return True
