"""The recordings of the benchmark, all 16 kHz mono 16-bit, assembled from tests/data by a fixed rule.

clip.wav   11 s: President Kennedy's "ask not" (the JFK sample of whisper.cpp), or if it could not be downloaded
           librivox-0870 and librivox-0930 with enough silence between them for 11 s
long.wav   690 s: the LibriVox and cards recordings in turn, each round beginning one recording later than the round
           before; after the k-th recording (from 0) a pause of 0.3 + 0.1 (k mod 7) s; silence to the end
"""

from __future__ import annotations

import hashlib
import json
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edgefuse_tools.bench.errors import BenchError

RATE = 16_000  # samples per second
BYTES = 2  # per sample
CLIP_SECONDS = 11
LONG_SECONDS = 690
JFK = "jfk.wav"
JFK_SHA256 = "59dfb9a4acb36fe2a2affc14bacbee2920ff435cb13cc314a08c13f66ba7860e"
JFK_TEXT = "And so my fellow Americans, ask not what your country can do for you, ask what you can do for your country."
JOINED = ("librivox-0870.wav", "librivox-0930.wav")


@dataclass(frozen=True)
class Recording:
    """A wav file and its transcript."""

    path: Path
    text: str
    source: str

    @property
    def seconds(self) -> float:
        return len(read_samples(self.path)) / (RATE * BYTES)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.path.read_bytes()).hexdigest()


def speech(data: Path, jfk: Path | None) -> list[Recording]:
    """Every recording used for word errors: LibriVox, cards and, if available, JFK."""
    texts = json.loads((data / "transcripts.json").read_text(encoding="utf-8"))
    names = sorted(name for name in texts if name.startswith(("librivox-", "cards-")))
    found = [Recording(data / name, texts[name], f"tests/data/{name}") for name in names]
    return [*found, Recording(jfk, JFK_TEXT, "jfk.wav of whisper.cpp")] if jfk else found


def make_clip(data: Path, jfk: Path | None, target: Path) -> Recording:
    """The 11 s clip; `target` is written only if JFK is missing."""
    if jfk is not None:
        return Recording(jfk, JFK_TEXT, "jfk.wav of whisper.cpp")
    texts = json.loads((data / "transcripts.json").read_text(encoding="utf-8"))
    first, second = (read_samples(data / name) for name in JOINED)
    gap = CLIP_SECONDS * RATE * BYTES - len(first) - len(second)
    write_samples(target, first + bytes(gap) + second)
    return Recording(target, " ".join(texts[name] for name in JOINED), " + silence + ".join(JOINED))


def make_long(recordings: list[Recording], target: Path, seconds: int = LONG_SECONDS) -> Recording:
    """Assembles the long recording from `recordings`, which are those of tests/data."""
    size = seconds * RATE * BYTES
    samples, texts = bytearray(), []
    for number, recording in enumerate(_rounds(recordings)):
        content = read_samples(recording.path)
        if len(samples) + len(content) > size:
            break
        samples += content + bytes(pause(number))
        texts.append(recording.text)
    samples = samples[:size] + bytes(max(0, size - len(samples)))
    write_samples(target, bytes(samples))
    return Recording(target, " ".join(texts), f"{len(texts)} recordings of tests/data with pauses")


def pause(number: int) -> int:
    """The silence after the recording `number`, in bytes."""
    return (3 + number % 7) * RATE // 10 * BYTES


def _rounds(recordings: list[Recording]) -> Iterator[Recording]:
    start = 0
    while True:
        yield from recordings[start:] + recordings[:start]
        start = (start + 1) % len(recordings)


def read_samples(path: Path) -> bytes:
    """The samples of a 16 kHz mono 16-bit wav file."""
    try:
        with wave.open(str(path)) as stream:
            if (stream.getframerate(), stream.getnchannels(), stream.getsampwidth()) != (RATE, 1, BYTES):
                raise BenchError(f"{path}: expected 16-bit mono at {RATE} Hz")
            return stream.readframes(stream.getnframes())
    except (OSError, wave.Error, EOFError) as error:
        raise BenchError(f"{path}: {error}") from error


def write_samples(path: Path, samples: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(BYTES)
        stream.setframerate(RATE)
        stream.writeframes(samples)
