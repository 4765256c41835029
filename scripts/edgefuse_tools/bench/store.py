"""The results file: one section per model, written atomically."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from edgefuse_tools.bench.errors import BenchError

FORMAT = 1


def read(path: Path) -> dict[str, Any]:
    """The results; without sections if there is no file yet."""
    if not path.exists():
        return {"format": FORMAT, "models": {}}
    try:
        results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if results["format"] != FORMAT or not isinstance(results["models"], dict):
            raise ValueError(f"format {results['format']}, expected {FORMAT}")
    except (ValueError, KeyError, TypeError) as error:
        raise BenchError(
            f"{path}: not a file of benchmark results ({error}); remove it, or pass another --output"
        ) from error
    return results


def write_text(path: Path, text: str) -> None:
    """Replaces the file atomically: an interrupted run keeps the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(draft, 0o644)
        os.replace(draft, path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def write(path: Path, results: dict[str, Any]) -> None:
    write_text(path, json.dumps(results, ensure_ascii=False, indent=1) + "\n")
