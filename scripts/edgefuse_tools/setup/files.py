"""Atomic files and folders, and stamps that record which steps are up to date."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from edgefuse_tools.setup import paths


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A temporary folder on the repository's file system, so that finished files can be renamed into place."""
    paths.SCRATCH.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=paths.SCRATCH))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def replace_folder(finished: Path, target: Path) -> None:
    """Replaces `target`, if it exists, by `finished`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        target.rename(finished.parent / f"old-{target.name}")
    finished.rename(target)


def replace_link(name: Path, destination: str) -> None:
    """Makes `name` a symbolic link to `destination`, replacing what exists."""
    with scratch_folder() as folder:
        link = folder / name.name
        link.symlink_to(destination)
        link.replace(name)


def digest(*parts: object) -> str:
    """Hash of everything that a step depends on: the text of values, the names and contents of paths."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            total.update(str(part.relative_to(paths.ROOT)).encode() + b"\0" + part.read_bytes())
        else:
            total.update(repr(part).encode())
        total.update(b"\0")
    return total.hexdigest()


class Stamp:
    """Records the inputs and outputs of a step, so that checking a finished step costs a few `stat` calls."""

    def __init__(self, name: str) -> None:
        self._path = paths.STAMPS / f"{name}.json"

    def is_current(self, made_from: str) -> bool:
        """Whether the step was finished with the same inputs and its outputs are unchanged."""
        try:
            stamp = json.loads(self._path.read_text(encoding="utf-8"))
            return stamp["made_from"] == made_from and all(
                _state(paths.ROOT / name) == state for name, state in stamp["made"].items()
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return False

    def write(self, made_from: str, made: Iterable[Path]) -> None:
        """Records that the step is finished; `made` are its output files."""
        content = {"made_from": made_from, "made": {str(path.relative_to(paths.ROOT)): _state(path) for path in made}}
        paths.STAMPS.mkdir(parents=True, exist_ok=True)
        with scratch_folder() as folder:
            draft = folder / self._path.name
            draft.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
            draft.replace(self._path)


def _state(path: Path) -> list[int]:
    status = os.stat(path)
    return [status.st_size, status.st_mtime_ns]
