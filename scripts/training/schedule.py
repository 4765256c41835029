"""The learning rate over a run."""

from __future__ import annotations

import math

_LOWEST = 0.05  # of the highest rate, at the end


def warm_cosine(step: int, steps: int, highest: float, warm_up: int = 100) -> float:
    """The rate at ``step`` of ``steps``: straight up to ``highest``, then down along a cosine to a twentieth."""
    if step < warm_up:
        return highest * (step + 1) / warm_up
    progress = (step - warm_up) / max(1, steps - warm_up)
    return highest * (_LOWEST + (1.0 - _LOWEST) * 0.5 * (1.0 + math.cos(math.pi * progress)))
