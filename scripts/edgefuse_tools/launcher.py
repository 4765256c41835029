"""Starts one of the package's programs, and reports a missing Python package in one line."""

from __future__ import annotations

import ast
import re
import sys
from importlib import import_module
from pathlib import Path

from edgefuse_tools import ROOT

#: Exit code if a package is missing.
CANNOT_LOAD = 3


def launch(module: str, program: str, arguments: list[str]) -> int:
    """Runs `main` of `module`, and returns its exit code. `program` is its name in usage lines."""
    sys.argv = [program, *arguments]
    try:
        code: int | None = import_module(module).main()
    except ModuleNotFoundError as error:
        package = (error.name or "").split(".")[0]
        if package in ("", "edgefuse_tools"):
            raise
        print(f"{program}: the Python package {package} is not installed: {_remedy(module)}", file=sys.stderr)
        return CANNOT_LOAD
    return code or 0


def description(file: Path) -> str:
    """The docstring of a program's file, read without importing it."""
    return ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or ""


def _remedy(module: str) -> str:
    """How to install what `module` needs: its docstring names its requirements."""
    file = ROOT / "scripts" / f"{module.replace('.', '/')}.py"
    lists = re.findall(r"scripts/requirements/\w+\.txt", description(file))
    if not lists:
        return "run it with .venv/bin/python, which scripts/setup.sh creates"
    return f"{sys.executable} -m pip install {' '.join(f'-r {name}' for name in dict.fromkeys(lists))}"
