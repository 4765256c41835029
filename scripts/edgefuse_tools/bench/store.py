"""The results' file: one section a model, written whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from edgefuse_tools.bench.errors import BenchError

FORMAT = 1


def read(path: Path) -> dict[str, Any]:
    """The results; without any section where there is no file yet."""
    if not path.exists():
        return {"format": FORMAT, "models": {}}
    try:
        results: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if results["format"] != FORMAT or not isinstance(results["models"], dict):
            raise ValueError(f"format {results['format']}, wanted {FORMAT}")
    except (ValueError, KeyError, TypeError) as error:
        raise BenchError(f"{path}: not a benchmark's results ({error}); remove it, or name another --output") from error
    return results


def write_text(path: Path, text: str) -> None:
    """Replaces the file in one step: a run that is cut off leaves the old one."""
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
