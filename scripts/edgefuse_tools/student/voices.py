"""Voices of espeak-ng for the questions, split into training, validation and test.

A voice is an accent with a timbre (a file of espeak-ng's ``voices/!v``, or in training also a generated one). No timbre
is in two parts, and the accent of the test part is in no other, so that the test voices are new in both respects.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edgefuse_tools.student import timbres as made_timbres

_ACCENTS = ("en-us", "en", "en-gb-scotland", "en-gb-x-rp", "en-gb-x-gbclan", "en-gb-x-gbcwmd", "en-029")
_TRAIN_TIMBRES = tuple(
    "m1 m2 m3 m4 m6 m7 f1 f2 f4 f5 Alex Annie Denis Diogo Henrique Hugo Jacky Lee Marco Mike Nguyen RicishayMax "
    "RicishayMax2 Storm adam antonio aunty belinda benjamin boris david ed edward edward2 grandma grandpa gustave "
    "iven iven2 iven3 iven4 john kaukovalta klatt klatt2 klatt3 klatt5 marcelo max michel miguel norbert pablo "
    "paul pedro quincy rob robert robosoft robosoft5 sandro shelby victor zac croak announcer".split()
)
_VALIDATION_TIMBRES = ("Mario", "travis", "anika", "f3")
_TEST_ACCENTS = ("en-us-nyc",)
_TEST_TIMBRES = ("m5", "m8", "Andy", "Michael", "linda", "Alicia", "Gene", "steph")
_SPEED = (120, 211)  # words per minute, the upper end excluded
_PITCH = (25, 76)  # of espeak-ng's 0..99
_RUNNING = 0.6  # share of voices without pauses between words
_MADE = 0.7  # share of training voices with a generated timbre
_PAUSE = (2, 13)  # of the other voices, in 10 ms at normal speed


class Part(enum.Enum):
    """Part of the data: training, validation or test."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


@dataclass(frozen=True)
class Voice:
    """Settings of espeak-ng: accent, timbre, words per minute, pitch 0..99, pause between words in 10 ms.

    espeak-ng silently ignores an unknown timbre, or one with different case. ``made`` is the text of a generated
    timbre.
    """

    accent: str
    timbre: str
    speed: int
    pitch: int
    pause: int
    made: str | None = None

    @property
    def name(self) -> str:
        """Argument of ``espeak-ng -v``."""
        return f"{self.accent}+{self.timbre}"


def accents(part: Part) -> tuple[str, ...]:
    """The accents heard in ``part``."""
    return _TEST_ACCENTS if part is Part.TEST else _ACCENTS


def timbres(part: Part) -> tuple[str, ...]:
    """The timbres heard in ``part``."""
    return {Part.TRAIN: _TRAIN_TIMBRES, Part.VALIDATION: _VALIDATION_TIMBRES, Part.TEST: _TEST_TIMBRES}[part]


def draw(rng: np.random.Generator, part: Part, count: int) -> Iterator[Voice]:
    """``count`` voices of ``part``: every timbre is used before one is repeated; accent, speed and pitch are random."""
    order: list[str] = []
    for number in range(count):
        made = made_timbres.draw(rng) if part is Part.TRAIN and rng.random() < _MADE else None
        if made is None and not order:
            order = list(rng.permutation(timbres(part)))
        accent = str(rng.choice(accents(part)))
        speed, pitch = int(rng.integers(*_SPEED)), int(rng.integers(*_PITCH))
        pause = 0 if rng.random() < _RUNNING else int(rng.integers(*_PAUSE))
        timbre = str(order.pop()) if made is None else f"made-{number}"
        yield Voice(accent, timbre, speed, pitch, pause, made)
