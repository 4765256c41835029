"""Stages of a run, and the learning rate in each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol, TypeVar


class Staged(Protocol):
    """A stage of a run."""

    @property
    def steps(self) -> int: ...


Stage = TypeVar("Stage", bound=Staged)

_LOWEST = 0.05  # final rate, relative to the highest


def warm_cosine(step: int, steps: int, highest: float, warm_up: int = 100) -> float:
    """Learning rate at ``step`` of ``steps``: linear warm-up to ``highest``, then cosine decay to a twentieth."""
    if step < warm_up:
        return highest * (step + 1) / warm_up
    progress = (step - warm_up) / max(1, steps - warm_up)
    return highest * (_LOWEST + (1.0 - _LOWEST) * 0.5 * (1.0 + math.cos(math.pi * progress)))


def place(stages: Sequence[Stage], step: int) -> tuple[Stage, int]:
    """The stage of ``step``, and the step's number within it."""
    within = step
    for stage in stages:
        if within < stage.steps:
            return stage, within
        within -= stage.steps
    raise ValueError(f"step {step} is past the last stage")
