"""Whisper for scripts/dev.py compare_precisions: greedy decoding, and times."""

from __future__ import annotations

import wave
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from edgefuse_tools.parity.timing import Clock, least
from edgefuse_tools.parity.whisper_onnx import OnnxWhisper, Tensors
from edgefuse_tools.student.log_mel import SAMPLE_RATE, log_mel

WINDOW_SECONDS = 30
MOST_TOKENS = 100


class WhisperSubject:
    """One precision of a Whisper folder. An item is a recording."""

    roles = ("encoder", "decoder")

    def __init__(self, folder: Path, threads: int, precision: str) -> None:
        self._model = OnnxWhisper(folder, threads, precision, self.roles)
        self.description = self._model.description

    @staticmethod
    def items(files: list[Path]) -> list[np.ndarray]:
        return [_spectrum(path) for path in files]

    def decode(self, mel: np.ndarray, tokens: np.ndarray | None) -> np.ndarray:
        """Logits [positions, vocab] of greedy decoding, or with `tokens` as input instead of the chosen ones."""
        model = self._model
        end = model.description["tokens"]["end_of_text"]
        cross = model.encode(mel)
        logits, past = model.decode(np.array([_prompt(model.description)]), cross, model.start(1))
        rows = [logits[0]]
        while len(rows) < (MOST_TOKENS if tokens is None else len(tokens)):
            token = int(rows[-1].argmax()) if tokens is None else int(tokens[len(rows) - 1])
            if token == end:
                break
            logits, past = model.decode(np.array([[token]]), cross, past)
            rows.append(logits[0])
        return np.array(rows)

    def times(self, mel: np.ndarray, repeat: int, clock: Clock) -> tuple[float, dict[str, float]]:
        """Milliseconds of the encoder, and of a step by the length of its cache."""
        model = self._model
        cross = model.encode(mel)
        steps = {}
        for past in (10, 200):
            cache = {
                name: np.zeros((1, tensor.shape[1], past, tensor.shape[3]), np.float32)
                for name, tensor in model.start(1).items()
            }
            steps[str(past)] = least(partial(_step, model, cross, cache), 5 * repeat, clock)
        return least(lambda: model.encode(mel), repeat, clock), steps


def _prompt(description: dict[str, Any]) -> list[int]:
    """Prompt before the transcript: English, without timestamps."""
    tokens = description["tokens"]
    language = [tokens["languages"]["en"], tokens["transcribe"]] if description["multilingual"] else []
    return [tokens["start_of_transcript"], *language, tokens["no_timestamps"]]


def _step(model: OnnxWhisper, cross: Tensors, cache: Tensors) -> None:
    model.decode(np.array([[100]]), cross, cache)


def _spectrum(path: Path) -> np.ndarray:
    """Log-mel of the first 30 s, padded with silence: [1, 80, 3000]."""
    with wave.open(str(path)) as stream:
        if (stream.getframerate(), stream.getnchannels(), stream.getsampwidth()) != (SAMPLE_RATE, 1, 2):
            raise SystemExit(f"{path}: expected 16-bit mono at {SAMPLE_RATE} Hz")
        samples = np.frombuffer(stream.readframes(WINDOW_SECONDS * SAMPLE_RATE), "<i2") / np.float32(32768)
    return log_mel(np.pad(samples, (0, WINDOW_SECONDS * SAMPLE_RATE - len(samples))))[None]
