"""Silero VAD: extracts the weights from their wheel and exports the model folder."""

from __future__ import annotations

from edgefuse_tools.setup.artifacts import SILERO_VAD
from edgefuse_tools.setup.export import Export
from edgefuse_tools.setup.member import ensure_member

MODEL = "silero-vad"
MEMBER = "silero_vad/data/silero_vad.onnx"


def ensure() -> bool:
    """Makes sure that `onnx/silero-vad` is up to date; returns whether there was anything to do."""
    origin = f"Silero Team, float32, as carried by {SILERO_VAD.requirement} on the Python package index"
    return Export("vad", MODEL, origin, "MIT").ensure(SILERO_VAD, lambda: ensure_member(MODEL, SILERO_VAD, MEMBER))
