"""A manifest of small pictures and one-second clips, some of them broken."""

from __future__ import annotations

import json
import random
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

#: Distinct files; records share them.
FILES = 64

BROKEN = 50


@dataclass(frozen=True)
class Corpus:
    """A manifest, and the numbers of its broken lines, from 1."""

    manifest: Path
    records: int
    broken: frozenset[int]


def make(folder: Path, records: int, seed: int = 0) -> Corpus:
    """Writes a manifest of ``records`` lines and the files that it names."""
    folder.mkdir(parents=True, exist_ok=True)
    choose = random.Random(seed)
    pictures = [_picture(folder / f"{number}.png", seed + number) for number in range(FILES)]
    clips = [_clip(folder / f"{number}.wav", seed + number) for number in range(FILES)]
    (folder / "cut.png").write_bytes(pictures[0].read_bytes()[:40])
    (folder / "cut.wav").write_bytes(b"RIFF")
    broken = frozenset(choose.sample(range(1, records + 1), min(BROKEN, records // 4)))
    lines = []
    for number in range(1, records + 1):
        if number in broken:
            lines.append(_broken(number, choose))
        elif number % 4:
            lines.append(json.dumps({"id": f"r{number}", "image": choose.choice(pictures).name}))
        else:
            lines.append(json.dumps({"id": f"r{number}", "audio": choose.choice(clips).name}))
    # Paths are absolute, since engines do not know where a manifest was.
    text = "".join(_absolute(line, folder) + "\n" for line in lines)
    manifest = folder / "manifest.jsonl"
    manifest.write_text(text, encoding="utf-8")
    return Corpus(manifest, records, broken)


def _absolute(line: str, folder: Path) -> str:
    for key in ("image", "audio"):
        line = line.replace(f'"{key}": "', f'"{key}": "{folder.resolve()}/')
    return line


def _broken(number: int, choose: random.Random) -> str:
    return choose.choice(
        [
            f'{{"id": "r{number}", "image": ',
            json.dumps({"id": f"r{number}", "image": "missing.png"}),
            json.dumps({"id": f"r{number}", "image": "cut.png"}),
            json.dumps({"id": f"r{number}", "audio": "cut.wav"}),
            json.dumps({"id": f"r{number}", "colour": "red"}),
            json.dumps({"id": f"r{number}"}),
        ]
    )


def _picture(path: Path, seed: int) -> Path:
    random_pixels = np.random.default_rng(seed).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    Image.fromarray(random_pixels).save(path)
    return path


def _clip(path: Path, seed: int) -> Path:
    noise = np.random.default_rng(seed).normal(0, 2_000, 16_000).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(noise.tobytes())
    return path
