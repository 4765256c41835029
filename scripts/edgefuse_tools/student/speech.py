"""Spoken texts: every question of the templates and every caption, by espeak-ng in many voices."""

from __future__ import annotations

import io
import subprocess
import wave
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from itertools import repeat
from pathlib import Path

import numpy as np

from edgefuse_tools.easyvqa.labels import COLOR_NAMES, SHAPES, caption
from edgefuse_tools.easyvqa.questions import every_text
from edgefuse_tools.student.acoustics import EXAMINATION, TRAINING, record
from edgefuse_tools.student.log_mel import ABSENT_FRAME, MELS, SAMPLE_RATE, log_mel
from edgefuse_tools.student.timbres import data_folder
from edgefuse_tools.student.voices import Part, Voice, draw

CAPTIONS: tuple[str, ...] = tuple(caption(shape, color) for shape in SHAPES for color in COLOR_NAMES)
#: The spoken texts: questions, then captions. Recordings refer to them by index.
SPOKEN: tuple[str, ...] = (*every_text(), *CAPTIONS)
FIRST_CAPTION = len(SPOKEN) - len(CAPTIONS)

_ALIKE = 0.1  # share of all recordings that count as having the same length


@dataclass(frozen=True)
class Recording:
    """One recording of a text: its index in ``SPOKEN``, the voice, and [n] float32 samples at 16 kHz."""

    number: int
    voice: Voice
    samples: np.ndarray


class Speech:
    """Recordings as log-mel frames.

    numbers: [n] int64, text of each recording, index into ``SPOKEN``
    """

    def __init__(self, frames: np.ndarray, offsets: np.ndarray, numbers: np.ndarray) -> None:
        """``frames`` [total, 80] float16; recording ``i`` is rows ``offsets[i]`` to ``offsets[i + 1]``."""
        self._frames = frames
        self._offsets = offsets
        self.numbers = numbers
        self._by_length = np.argsort(np.diff(offsets), kind="stable")
        self._captions_by_length = self._by_length[numbers[self._by_length] >= FIRST_CAPTION]
        self._by_number = [np.flatnonzero(numbers == index) for index in range(int(numbers.max()) + 1)]

    @classmethod
    def load(cls, path: Path) -> Speech:
        """Reads a file of ``save``."""
        with np.load(path) as stored:
            return cls(stored["frames"], stored["offsets"], stored["numbers"])

    def save(self, path: Path) -> None:
        """Writes to ``path`` (.npz)."""
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, frames=self._frames, offsets=self._offsets, numbers=self.numbers)

    def recordings_of(self, rng: np.random.Generator, numbers: np.ndarray) -> np.ndarray:
        """A random recording of each text: [n] int64."""
        return np.array([rng.choice(self._by_number[number]) for number in numbers], dtype=np.int64)

    def of_one_length(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """``count`` random recordings of similar length, so that there is little padding: [n] int64."""
        return _alike(rng, self._by_length, count)

    def captions(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """``count`` random recordings of captions of similar length: [n] int64."""
        return _alike(rng, self._captions_by_length, count)

    def rows(self, recording: int) -> np.ndarray:
        """One recording: [frames, 80] float16."""
        return self._frames[self._offsets[recording] : self._offsets[recording + 1]]

    def batch(self, recordings: np.ndarray) -> np.ndarray:
        """These recordings as [n, 80, longest] float32, shorter ones padded with absent frames."""
        return pad([self.rows(index) for index in recordings])


def _alike(rng: np.random.Generator, by_length: np.ndarray, count: int) -> np.ndarray:
    pool = min(len(by_length), max(count, round(len(by_length) * _ALIKE)))
    low = int(rng.integers(len(by_length) - pool + 1))
    return by_length[low + rng.permutation(pool)[:count]]


def pad(rows: list[np.ndarray]) -> np.ndarray:
    """Recordings [frames, 80] of several lengths as one [n, 80, longest] float32, padded with absent frames."""
    padded = np.full((len(rows), max(map(len, rows)), MELS), ABSENT_FRAME, dtype=np.float32)
    for index, row in enumerate(rows):
        padded[index, : len(row)] = row
    return np.ascontiguousarray(padded.transpose(0, 2, 1))


def render(seed: int, part: Part, each: int, workers: int, report: Callable[[str], None]) -> Speech:
    """Renders everything ``each`` times in voices of ``part``; the result depends only on the first three arguments."""
    rows: list[np.ndarray] = []
    numbers: list[int] = []
    with ProcessPoolExecutor(workers) as pool:
        spoken = pool.map(partial(_frames, seed, part, each), range(len(SPOKEN)))
        for number, frames in enumerate(spoken):
            rows += frames
            numbers += repeat(number, len(frames))
            if number % 10 == 9:
                report(f"{part.value} speech: {number + 1} of {len(SPOKEN)} texts")
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    return Speech(np.concatenate(rows), offsets, np.array(numbers, dtype=np.int64))


def _frames(seed: int, part: Part, each: int, number: int) -> list[np.ndarray]:
    return [log_mel(recording.samples).T.astype(np.float16) for recording in recordings(seed, part, each, number)]


def recordings(seed: int, part: Part, each: int, number: int) -> list[Recording]:
    """``each`` recordings of text ``number`` of ``SPOKEN``, in voices and rooms drawn from ``seed``."""
    rng = np.random.default_rng([seed, list(Part).index(part), number])
    conditions = TRAINING if part is Part.TRAIN else EXAMINATION
    voices = list(draw(rng, part, each))
    return [Recording(number, voice, record(rng, say(SPOKEN[number], voice), conditions)) for voice in voices]


def say(text: str, voice: Voice) -> np.ndarray:
    """Renders speech as [samples] float32 at 16 kHz in -1..1; needs the program ``espeak-ng``."""
    manner = ["-s", str(voice.speed), "-p", str(voice.pitch), "-g", str(voice.pause)]
    with _data(voice) as data:
        command = ["espeak-ng", *data, "-v", voice.name, *manner, "--stdout", text]
        output = subprocess.run(command, check=True, capture_output=True).stdout
    with wave.open(io.BytesIO(output)) as recording:
        rate = recording.getframerate()
        samples = np.frombuffer(recording.readframes(recording.getnframes()), dtype="<i2")
    return _resample(samples.astype(np.float32) / 32768.0, rate)


@contextmanager
def _data(voice: Voice) -> Iterator[list[str]]:
    """Options of espeak-ng for a generated timbre."""
    if voice.made is None:
        yield []
        return
    with data_folder(_installed(), voice.timbre, voice.made) as folder:
        yield ["--path", str(folder)]


@cache
def _installed() -> Path:
    """espeak-ng's data folder, according to itself."""
    version = subprocess.run(["espeak-ng", "--version"], check=True, capture_output=True, text=True).stdout
    return Path(version.split("Data at:")[1].strip())


def _resample(samples: np.ndarray, rate: int) -> np.ndarray:
    """From ``rate`` Hz down to 16 kHz by truncating the spectrum, in a single transform because recordings are
    short."""
    length = round(len(samples) * SAMPLE_RATE / rate)
    spectrum = np.fft.rfft(samples)[: length // 2 + 1]
    return (np.fft.irfft(spectrum, length) * (length / len(samples))).astype(np.float32)
