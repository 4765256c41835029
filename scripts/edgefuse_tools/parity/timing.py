"""Times of what is run again and again."""

from __future__ import annotations

from collections.abc import Callable

Clock = Callable[[], float]
"""Seconds."""


def least(run: Callable[[], object], repeat: int, clock: Clock) -> float:
    """Milliseconds of the fastest of several runs."""
    run()
    found = []
    for _ in range(repeat):
        start = clock()
        run()
        found.append(clock() - start)
    return 1000 * min(found)
