"""Silero VAD: extracts the weights from their wheel and exports the model folder."""

from __future__ import annotations

import shutil
from pathlib import Path

from edgefuse_tools.setup import paths, pip
from edgefuse_tools.setup.artifacts import SILERO_VAD
from edgefuse_tools.setup.export import Export
from edgefuse_tools.setup.files import Stamp, digest, replace_folder, scratch_folder

MODEL = "silero-vad"
MEMBER = "silero_vad/data/silero_vad.onnx"


def ensure() -> bool:
    """Makes sure that `onnx/silero-vad` is up to date; returns whether there was anything to do."""
    origin = f"Silero Team, float32, as carried by {SILERO_VAD.requirement} on the Python package index"
    return Export("vad", MODEL, origin, "MIT").ensure(SILERO_VAD, _ensure_checkpoint)


def _ensure_checkpoint() -> Path:
    target = paths.CHECKPOINTS / MODEL
    weights = target / Path(MEMBER).name
    stamp = Stamp(f"checkpoint-{MODEL}")
    made_from = digest(SILERO_VAD, MEMBER)
    if stamp.is_current(made_from):
        return weights
    with scratch_folder() as scratch:
        folder = scratch / MODEL
        folder.mkdir()
        with pip.fetch(paths.PYTHON, SILERO_VAD, scratch) as archive, archive.open(MEMBER) as source:
            with (folder / weights.name).open("wb") as copy:
                shutil.copyfileobj(source, copy, 1 << 20)
        replace_folder(folder, target)
    stamp.write(made_from, [weights])
    return weights
