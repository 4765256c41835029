"""A model folder that one of the exporters makes of fetched weights."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from setup import environment, paths
from setup.errors import SetupError
from setup.files import Stamp, digest
from setup.paths import shown


@dataclass(frozen=True)
class Export:
    """`onnx/<name>`, written by `scripts/<script>`; `origin` and `license` of the weights go into its description."""

    script: str
    name: str
    origin: str
    license: str

    def ensure(self, pins: object, weights: Callable[[], Path]) -> bool:
        """Makes sure the folder is what today's exporter makes of the weights; tells whether there was work.

        `pins` say which weights those are; `weights` fetches them, and is called only when there is something to
        export: `build/` may be deleted.
        """
        script = paths.SCRIPTS / self.script
        exporter = [script, *sorted((paths.SCRIPTS / "export").rglob("*.py"))]
        made_from = digest(pins, self.origin, environment.requirements("setup"), *exporter)
        stamp = Stamp(self.name)
        if stamp.is_current(made_from):
            return False
        source, target = weights(), paths.MODELS / self.name
        command = [paths.PYTHON, script, source, target, "--origin", self.origin, "--license", self.license]
        print(f"      exporting {shown(source)} to {shown(target)}", flush=True)
        exported = subprocess.run([str(word) for word in command], cwd=paths.ROOT, check=False)
        if exported.returncode != 0:
            raise SetupError(f"{shown(target)}: scripts/{self.script} failed with exit code {exported.returncode}")
        stamp.write(made_from, [path for path in sorted(target.rglob("*")) if path.is_file()])
        return True
