"""Spoken questions: every question of the templates, said by espeak-ng in many voices, as log-mel frames."""

from __future__ import annotations

import io
import subprocess
import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from student.log_mel import ABSENT_FRAME, MELS, SAMPLE_RATE, log_mel

_ACCENTS = ("en-us", "en", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029")
_TRAINING_TIMBRES = ("", "+m1", "+m2", "+m3", "+m4", "+m6", "+m7", "+f1", "+f2", "+f4")
_HELD_OUT_TIMBRES = ("+m5", "+f3")  # never heard in training
_LEVEL_DB = (-26.0, -6.0)  # loudest sample, relative to full scale
_NOISE_DB = (-60.0, -15.0)  # root mean square of the noise, relative to that of the speech
_SILENCE = 0.4  # seconds, at most, added before and after


@dataclass(frozen=True)
class Voice:
    """How espeak-ng is to speak: voice name, words a minute, pitch 0..99."""

    name: str
    speed: int
    pitch: int


class Speech:
    """Recordings of questions as log-mel frames.

    texts: [n] int64, index of the question in ``questions.every_text()``
    """

    def __init__(self, frames: np.ndarray, offsets: np.ndarray, texts: np.ndarray) -> None:
        """``frames`` [total, 80] float16, recording ``i`` being rows ``offsets[i]`` to ``offsets[i + 1]``."""
        self._frames = frames
        self._offsets = offsets
        self.texts = texts
        self._by_text = [np.flatnonzero(texts == index) for index in range(int(texts.max()) + 1)]

    @classmethod
    def load(cls, path: Path) -> Speech:
        """Read what ``save`` wrote."""
        with np.load(path) as stored:
            return cls(stored["frames"], stored["offsets"], stored["texts"])

    def save(self, path: Path) -> None:
        """Write to ``path`` (.npz)."""
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, frames=self._frames, offsets=self._offsets, texts=self.texts)

    def recordings_of(self, rng: np.random.Generator, texts: np.ndarray) -> np.ndarray:
        """A random recording of each question: [n] int64."""
        return np.array([rng.choice(self._by_text[text]) for text in texts], dtype=np.int64)

    def batch(self, recordings: np.ndarray) -> np.ndarray:
        """These recordings as [n, 80, longest] float32, shorter ones followed by absent frames."""
        rows = [self._frames[self._offsets[i] : self._offsets[i + 1]] for i in recordings]
        padded = np.full((len(rows), max(map(len, rows)), MELS), ABSENT_FRAME, dtype=np.float32)
        for index, row in enumerate(rows):
            padded[index, : len(row)] = row
        return np.ascontiguousarray(padded.transpose(0, 2, 1))


def render(
    rng: np.random.Generator, texts: list[str], each: int, held_out: bool, report: Callable[[str], None]
) -> Speech:
    """Say every text ``each`` times in random voices; ``held_out`` takes the voices kept out of training."""
    rows: list[np.ndarray] = []
    labels: list[int] = []
    timbres = _HELD_OUT_TIMBRES if held_out else _TRAINING_TIMBRES
    for index, text in enumerate(texts):
        for voice in _voices(rng, timbres, each):
            rows.append(log_mel(_recorded(rng, say(text, voice))).T.astype(np.float16))
            labels.append(index)
        if index % 10 == 9:
            report(f"speech: {index + 1} of {len(texts)} questions")
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    return Speech(np.concatenate(rows), offsets, np.array(labels, dtype=np.int64))


def _voices(rng: np.random.Generator, timbres: tuple[str, ...], count: int) -> Iterator[Voice]:
    for _ in range(count):
        name = str(rng.choice(_ACCENTS)) + str(rng.choice(timbres))
        yield Voice(name, speed=int(rng.integers(120, 211)), pitch=int(rng.integers(25, 76)))


def say(text: str, voice: Voice) -> np.ndarray:
    """Speech as [samples] float32 at 16 kHz in -1..1; needs the program ``espeak-ng``."""
    command = ["espeak-ng", "-v", voice.name, "-s", str(voice.speed), "-p", str(voice.pitch), "--stdout", text]
    output = subprocess.run(command, check=True, capture_output=True).stdout
    with wave.open(io.BytesIO(output)) as recording:
        rate = recording.getframerate()
        samples = np.frombuffer(recording.readframes(recording.getnframes()), dtype="<i2")
    return _resample(samples.astype(np.float32) / 32768.0, rate)


def _resample(samples: np.ndarray, rate: int) -> np.ndarray:
    """From ``rate`` Hz down to 16 kHz by cutting the spectrum; the recording is short, so it is one transform."""
    length = round(len(samples) * SAMPLE_RATE / rate)
    spectrum = np.fft.rfft(samples)[: length // 2 + 1]
    return (np.fft.irfft(spectrum, length) * (length / len(samples))).astype(np.float32)


def _recorded(rng: np.random.Generator, samples: np.ndarray) -> np.ndarray:
    """As a microphone might hear it: silence around it, another level, some noise."""
    before, after = (int(rng.uniform(0.0, _SILENCE) * SAMPLE_RATE) for _ in range(2))
    padded = np.pad(samples, (before, after))
    level = 10.0 ** (rng.uniform(*_LEVEL_DB) / 20.0) / max(float(np.abs(samples).max()), 1e-6)
    loudness = float(np.sqrt(np.mean(samples**2)))
    noise = rng.normal(size=len(padded)) * loudness * 10.0 ** (rng.uniform(*_NOISE_DB) / 20.0)
    return (level * (padded + noise)).astype(np.float32)
