"""The Python environment `.venv`, with the packages of the exporters and, on request, of the tests."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from edgefuse_tools.setup import paths, pip
from edgefuse_tools.setup.errors import SetupError
from edgefuse_tools.setup.files import Stamp, digest
from edgefuse_tools.setup.paths import shown


def requirements(name: str) -> Path:
    """The locked list of packages `name`."""
    return paths.SCRIPTS / "requirements" / f"{name}.txt"


def ensure(name: str) -> bool:
    """Makes sure that `.venv` has the packages of the list `name`; returns whether there was anything to do."""
    _ensure_created()
    stamp = Stamp(f"python-{name}")
    made_from = digest(requirements(name), _identity())
    if stamp.is_current(made_from):
        return False
    _unfinished().touch()
    pip.install(paths.PYTHON, requirements(name))
    _unfinished().unlink()
    stamp.write(made_from, [paths.ENVIRONMENT / "pyvenv.cfg"])
    return True


def _ensure_created() -> None:
    stamp = Stamp("python")
    made_from = digest(_identity())
    if stamp.is_current(made_from) and paths.PYTHON.exists() and not _unfinished().exists():
        return
    # `venv --clear` follows a link and would empty somebody else's environment.
    if paths.ENVIRONMENT.is_symlink():
        target = os.path.realpath(paths.ENVIRONMENT)
        raise SetupError(f"{shown(paths.ENVIRONMENT)} is a link to {target}, which is not modified; remove the link")
    # Debian and Ubuntu have these in a separate package; without it, `-m venv` leaves a broken folder.
    if any(importlib.util.find_spec(module) is None for module in ("venv", "ensurepip")):
        raise SetupError(
            "this Python cannot create virtual environments; on Debian and Ubuntu: apt-get install python3-venv"
        )
    command = [sys.executable, "-m", "venv", "--clear", str(paths.ENVIRONMENT)]
    made = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if made.returncode != 0:
        last = (made.stdout.strip().splitlines() or ["no message"])[-1]
        raise SetupError(f"{shown(paths.ENVIRONMENT)}: python -m venv failed: {last}")
    stamp.write(made_from, [paths.ENVIRONMENT / "pyvenv.cfg"])


def _unfinished() -> Path:
    """Marker that exists while pip installs: pip treats a package whose installation was interrupted as installed."""
    return paths.ENVIRONMENT / "install-unfinished"


def _identity() -> tuple[str, str, str]:
    """What a virtual environment depends on: an upgraded Python or a moved repository needs a new one."""
    return (sys.version, sys.base_prefix, str(paths.ENVIRONMENT))
