"""Captions, transcripts, answers and fused decisions, offline, through ONNX Runtime.

    import edgefuse

    pipeline = edgefuse.Pipeline("configs/cpu.yaml")
    print(pipeline.transcribe("talk.wav").text)

docs/python.md has more.
"""

from __future__ import annotations

import atexit

from .library import disable_telemetry

# Before anything can load ONNX Runtime, which reads it then.
disable_telemetry()

from . import _native  # noqa: E402
from ._native import Cancellation, __version__  # noqa: E402
from .errors import (  # noqa: E402
    Cancelled,
    ConfigError,
    DeadlinePassed,
    EdgefuseError,
    ForkError,
    InputError,
    LibraryError,
    LibraryWarning,
    ModelError,
    OptionError,
    Overloaded,
)
from .pipeline import Pipeline  # noqa: E402
from .results import Answer, Caption, Decision, Match, Result  # noqa: E402
from .transcription import Segment, Transcription, TranscriptionInfo, Word  # noqa: E402

__all__ = [
    "Answer",
    "Cancellation",
    "Cancelled",
    "Caption",
    "ConfigError",
    "DeadlinePassed",
    "Decision",
    "EdgefuseError",
    "ForkError",
    "InputError",
    "LibraryError",
    "LibraryWarning",
    "Match",
    "ModelError",
    "OptionError",
    "Overloaded",
    "Pipeline",
    "Result",
    "Segment",
    "Transcription",
    "TranscriptionInfo",
    "Word",
    "__version__",
]

# A graph that was given up is finished before the interpreter, and with it ONNX Runtime, ends.
atexit.register(_native.finish)
