"""Silero VAD through its own package, for comparison: probabilities of its ONNX model, and stretches of speech."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from silero_vad import get_speech_timestamps, load_silero_vad
from silero_vad.utils_vad import get_speech_timestamps_from_probs

from edgefuse_tools.export.vad.weights import CHUNK_SAMPLES, SAMPLE_RATE

Options = dict[str, float]
"""Options under `vad` in a device file: threshold, min_speech_ms, min_silence_ms, pad_ms, max_speech_s,
neg_threshold."""

NAMES = {
    "threshold": "threshold",
    "neg_threshold": "neg_threshold",
    "min_speech_ms": "min_speech_duration_ms",
    "min_silence_ms": "min_silence_duration_ms",
    "pad_ms": "speech_pad_ms",
    "max_speech_s": "max_speech_duration_s",
}
"""edgefuse's names of the options, and Silero's."""


class Silero:
    """The ONNX model that the package loads."""

    def __init__(self) -> None:
        self._model = load_silero_vad(onnx=True)

    def probabilities(self, samples: np.ndarray) -> np.ndarray:
        """Probabilities [chunks] of every chunk of 512 samples, the last one padded with silence."""
        if len(samples) == 0:
            return np.zeros(0, np.float32)
        return self._model.audio_forward(torch.from_numpy(samples), SAMPLE_RATE)[0].numpy()

    def stretches(self, samples: np.ndarray, options: Options) -> list[list[int]]:
        """[start, end) in samples of every stretch of speech."""
        found = get_speech_timestamps(
            torch.from_numpy(samples), self._model, sampling_rate=SAMPLE_RATE, **_named(options)
        )
        return _pairs(found)


def stretches_of(probabilities: np.ndarray, samples: int, options: Options) -> list[list[int]]:
    """[start, end) in samples of every stretch in a recording of `samples` samples with these probabilities."""
    assert (samples + CHUNK_SAMPLES - 1) // CHUNK_SAMPLES == len(probabilities)
    found = get_speech_timestamps_from_probs(
        probabilities.tolist(), sampling_rate=SAMPLE_RATE, audio_length_samples=samples, **_named(options)
    )
    return _pairs(found)


def _named(options: Options) -> dict[str, Any]:
    return {NAMES[name]: value for name, value in options.items()}


def _pairs(found: list[dict[str, int]]) -> list[list[int]]:
    return [[stretch["start"], stretch["end"]] for stretch in found]
