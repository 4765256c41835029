"""Medians and ratios of measured times."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence


def median(seconds: Sequence[float]) -> float:
    """The middle time; of an even number, the mean of the two middle ones."""
    if not seconds:
        raise ValueError("no times to take the median of")
    return float(statistics.median(seconds))


def ratios(medians: Mapping[str, float], ours: Sequence[str]) -> dict[str, dict[str, float]]:
    """For every variant that is not ours, its time divided by the time of each of ours; above 1, ours is faster."""
    return {
        peer: {own: time / medians[own] for own in ours if medians.get(own)}
        for peer, time in medians.items()
        if peer not in ours
    }
