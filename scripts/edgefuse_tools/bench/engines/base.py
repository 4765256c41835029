"""Interface of an engine's module.

`options` of every engine:

    model       folder or file of the weights, in the engine's own format
    threads     number of threads
    beams       1 for greedy decoding
    precision   the engine's own name for it
    batch       windows decoded at once; 1 for one after the other
    fallback    whether a badly decoded window may be decoded again at a higher temperature, by the engine's own
                rules; engines without such rules, or with none by default, ignore it

Every engine decodes English with timestamps and without conditioning on earlier text.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class Transcript:
    """peak_bytes: only from an engine that is a process of its own; 0 otherwise."""

    text: str
    seconds: float
    peak_bytes: int = 0


TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""openai-whisper's temperature fallback."""


class Engine(Protocol):
    """A loaded engine."""

    def transcribe(self, audio: Path) -> Transcript:
        """Transcribes a 16 kHz mono 16-bit wav file. `seconds` is the time of the engine's own call on samples in
        memory; for edgefuse, which gets the path, it includes reading the file."""
        ...


class PictureEngine(Protocol):
    """A loaded engine for pictures. Its options:

    workload    name in `bench.blip_variants`
    checkpoint  the Hugging Face folder
    model       edgefuse's model folder, of the same weights
    image       the picture
    threads, precision
    """

    def run(self) -> Transcript:
        """Runs the workload once. `seconds` is the time from the picture in memory, not yet preprocessed, to the text;
        for edgefuse, which gets the path, from the file."""
        ...


def read_speech(path: Path) -> Any:
    """float32 samples in [-1, 1): [samples]."""
    import numpy as np

    from edgefuse_tools.bench.audio import read_samples

    return np.frombuffer(read_samples(path), "<i2").astype(np.float32) / 32768.0
