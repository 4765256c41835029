"""Checks a new model folder with edgefuse itself: a folder that it rejects must not be written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from edgefuse_tools import ROOT
from edgefuse_tools.export.errors import ExportError


def check_folder(folder: Path, name: Path) -> None:
    """Raises ExportError if `edgefuse check` rejects `folder`; messages call it `name`.

    If the program is not built or finds no ONNX Runtime, a line on standard error says that nothing was checked.
    """
    program = newest_program()
    if program is None:
        print(f"{name}: not checked: no edgefuse in target/ (cargo build --release)", file=sys.stderr)
        return
    command = [str(program), "--format", "json", "check", str(folder.resolve())]
    # From the repository root, the program finds ONNX Runtime in lib/.
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    line = done.stdout.strip().splitlines()[-1:]
    if not line:
        reason = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        print(f"{name}: not checked: {program.name}: {reason[0]}", file=sys.stderr)
        return
    found = json.loads(line[0])
    if not found["ok"]:
        raise ExportError(
            f"edgefuse rejects the model folder: {found['error'].replace(str(folder.resolve()), str(name))}"
        )


def newest_program() -> Path | None:
    """The most recently built program."""
    target = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target")
    built = [path for profile in ("release", "debug") if (path := target / profile / "edgefuse").is_file()]
    return max(built, key=lambda path: path.stat().st_mtime, default=None)
