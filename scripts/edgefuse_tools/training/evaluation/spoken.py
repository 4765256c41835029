"""Recordings of the test questions and captions in the test voices."""

from __future__ import annotations

import wave
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from edgefuse_tools.student.log_mel import SAMPLE_RATE
from edgefuse_tools.student.speech import FIRST_CAPTION, SPOKEN, recordings
from edgefuse_tools.student.voices import Part, timbres

VOICES = len(timbres(Part.TEST))  # recordings of each text, one in each


def ensure(folder: Path, seed: int, workers: int) -> None:
    """Makes sure that ``folder`` has a recording of every text in every test voice; needs espeak-ng to create them."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [number for number in range(len(SPOKEN)) if not _path(folder, number, VOICES - 1).exists()]
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(partial(_record, folder, seed), missing))


def assign(folder: Path, seed: int, texts: list[str]) -> list[Path]:
    """A recording for each question, drawn from those of its text with ``seed``."""
    numbers = {text: number for number, text in enumerate(SPOKEN[:FIRST_CAPTION])}
    voices = np.random.default_rng([seed, 40]).integers(VOICES, size=len(texts))
    return [_path(folder, numbers[text], int(voice)) for text, voice in zip(texts, voices)]


def captions(folder: Path) -> list[tuple[str, Path]]:
    """Every spoken caption with its recording."""
    return [
        (SPOKEN[number], _path(folder, number, voice))
        for number in range(FIRST_CAPTION, len(SPOKEN))
        for voice in range(VOICES)
    ]


def seconds(path: Path) -> float:
    """Duration of a recording."""
    with wave.open(str(path)) as recording:
        return recording.getnframes() / recording.getframerate()


def _record(folder: Path, seed: int, number: int) -> None:
    for voice, recording in enumerate(recordings(seed, Part.TEST, VOICES, number)):
        with wave.open(str(_path(folder, number, voice)), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(SAMPLE_RATE)
            file.writeframes(np.rint(recording.samples * 32767.0).astype("<i2").tobytes())


def _path(folder: Path, number: int, voice: int) -> Path:
    return folder / f"{number:03}-{voice}.wav"
