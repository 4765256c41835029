"""Random timbres for espeak-ng: the sixty that come with it are too few for learning to understand new voices.

A timbre is a voice file as in espeak-ng's ``voices/!v``; see its docs/voices.md for the meaning of the lines. Ranges
are about those of the files that come with it, without whispers and robots.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

_TRACT = (0.86, 1.3)  # factor of all formants' frequencies, by the length of the vocal tract
_FORMANTS = 9
_SPREAD = 0.06  # standard deviation of one formant's factor of frequency
_HEIGHT, _WIDTH = (60, 115), (75, 170)  # % of usual
_LOWEST_PITCH = (55, 180)  # Hz
_PITCH_RANGE = (1.2, 1.9)  # highest to lowest
_VARIANTS = Path("voices/!v")


def draw(rng: np.random.Generator) -> str:
    """A voice file's text."""
    low = rng.uniform(*_LOWEST_PITCH)
    # A short vocal tract loosely correlates with a high voice.
    tract = np.clip(0.8 + low / 500.0 + rng.normal(scale=0.08), *_TRACT)
    lines = [
        "language variant",
        f"gender {'male' if low < 120 else 'female'}",
        f"pitch {low:.0f} {low * rng.uniform(*_PITCH_RANGE):.0f}",
        f"voicing {rng.integers(40, 121)}",
        f"consonants {rng.integers(60, 121)} {rng.integers(60, 121)}",
        f"flutter {rng.integers(0, 8)}",
        f"roughness {rng.integers(0, 5)}",
        f"intonation {rng.integers(1, 5)}",
    ]
    for number in range(_FORMANTS):
        frequency = 100.0 * tract * (1.0 + rng.normal(scale=_SPREAD)) if number else rng.uniform(90, 110)
        lines.append(f"formant {number} {frequency:.0f} {rng.integers(*_HEIGHT)} {rng.integers(*_WIDTH)}")
    if rng.random() < 0.3:
        lines.append("breath 0 " + " ".join(str(rng.integers(0, 5)) for _ in range(7)))
    if rng.random() < 0.3:
        lines.append("stressAmp " + " ".join(str(rng.integers(14, 23)) for _ in range(8)))
    if rng.random() < 0.2:
        lines.append(f"echo {rng.integers(20, 130)} {rng.integers(5, 25)}")
    return "\n".join(lines) + "\n"


@contextmanager
def data_folder(installed: Path, name: str, timbre: str) -> Iterator[Path]:
    """A temporary folder for ``espeak-ng --path``: its ``installed`` data with an additional ``timbre``."""
    with TemporaryDirectory() as folder:
        data = Path(folder) / "espeak-ng-data"
        (data / _VARIANTS).mkdir(parents=True)
        for part in (Path(), *reversed(_VARIANTS.parents[:-1]), _VARIANTS):
            for entry in (installed / part).iterdir():
                if not (data / part / entry.name).exists():
                    (data / part / entry.name).symlink_to(entry)
        (data / _VARIANTS / name).write_text(timbre)
        yield data.parent
