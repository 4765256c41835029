"""Finds ONNX Runtime."""

from __future__ import annotations

import importlib.util
import os
import re
import warnings
from pathlib import Path

from .errors import LibraryWarning

_OWN_VARIABLE = "ORT_DYLIB_PATH"


def disable_telemetry() -> None:
    """Turns ONNX Runtime's telemetry off, whatever the environment says. The library reads this when it is loaded."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"


def of_package() -> Path | None:
    """The library of the installed package ``onnxruntime``, which is not imported for that; ``None`` without one, or if
    the environment names a library."""
    if os.environ.get(_OWN_VARIABLE):
        return None
    try:
        package = importlib.util.find_spec("onnxruntime")
    except (ImportError, ValueError):
        return None
    for folder in (package.submodule_search_locations or []) if package else []:
        found = sorted(Path(folder, "capi").glob("libonnxruntime.so*"))
        if found:
            return found[-1]
    return None


def warn_of_others(path: Path, version: str) -> None:
    """Warns if this process has loaded another copy of ONNX Runtime than the one at ``path``."""
    others = [f"{other} ({found or 'unknown version'})" for other, found in _copies() if not _same_file(other, path)]
    if others:
        warnings.warn(
            f"this process holds several copies of ONNX Runtime: edgefuse uses {path} ({version}), and "
            f"{', '.join(others)} is loaded too; each takes memory and threads of its own. To have one, do not import "
            "the package onnxruntime beside edgefuse",
            LibraryWarning,
            stacklevel=3,
        )


def _copies() -> list[tuple[Path, str | None]]:
    """The copies of ONNX Runtime that are loaded: the library, and the extension module of the package, which contains
    another one."""
    try:
        lines = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    files = {line.split(maxsplit=5)[-1] for line in lines if "onnxruntime" in line}
    pattern = re.compile(r"(libonnxruntime\.so[^/]*|onnxruntime_pybind11_state[^/]*\.so)$")
    return [(Path(file), _version(Path(file))) for file in sorted(files) if pattern.search(file)]


def _version(path: Path) -> str | None:
    named = re.search(r"\.so\.(\d+\.\d+\.\d+)", path.name)
    if named:
        return named.group(1)
    # The extension module is beside a library of the same version.
    for library in path.parent.glob("libonnxruntime.so.*"):
        return _version(library)
    return None


def _same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return one == other
