"""Programs and libraries of Debian that checks need: installed where that is possible, or named as missing."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

#: Debian installs services where only root looks.
SEARCHED = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
_INSTALL = "install -y --no-install-recommends"


class NotRun(Exception):
    """Why a check cannot run on this machine."""


def program(name: str, *packages: str) -> str:
    """The path of a program; ``packages`` (by default, that of its name) are installed by apt-get if it is missing and we are root."""
    return _found(name, lambda: shutil.which(name, path=SEARCHED), packages or (name,))


def library(name: str, package: str) -> str:
    """The path of a shared library in the system's folder for this machine."""

    def find() -> str | None:
        return next((str(path) for path in Path("/usr/lib").glob(f"*-linux-gnu/{name}")), None)

    return _found(name, find, (package,))


def _found(name: str, find: Callable[[], str | None], packages: tuple[str, ...]) -> str:
    found = find()
    wanted = " ".join(packages)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get") is not None:
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in ("update", f"{_INSTALL} {wanted}"):
            words = ["apt-get", "-q", "-oDPkg::Lock::Timeout=300", *command.split()]
            run = subprocess.run(words, capture_output=True, env=environment, check=False)
            if run.returncode != 0:
                raise NotRun(f"{name} is not installed, and `apt-get {command}` failed")
        found = find()
    if found is None:
        raise NotRun(f"{name} is not installed (Debian: apt-get install {wanted})")
    return found
