"""Speech files of the test data as samples."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

SAMPLE_RATE = 16_000


def read_speech(path: Path) -> np.ndarray:
    """A 16-bit mono 16 kHz wav file as float32 in [-1, 1): [samples]."""
    with wave.open(str(path)) as stream:
        if (stream.getframerate(), stream.getnchannels(), stream.getsampwidth()) != (SAMPLE_RATE, 1, 2):
            raise ValueError(f"{path}: expected 16-bit mono at {SAMPLE_RATE} Hz")
        samples = np.frombuffer(stream.readframes(stream.getnframes()), "<i2")
    return samples.astype(np.float32) / 32_768.0
