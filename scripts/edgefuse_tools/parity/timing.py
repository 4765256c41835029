"""Times of repeated runs."""

from __future__ import annotations

from collections.abc import Callable

Clock = Callable[[], float]
"""Returns seconds."""


def least(run: Callable[[], object], repeat: int, clock: Clock) -> float:
    """Milliseconds of the fastest run."""
    run()
    found = []
    for _ in range(repeat):
        start = clock()
        run()
        found.append(clock() - start)
    return 1000 * min(found)
