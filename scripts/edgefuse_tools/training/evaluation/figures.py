"""Figures from the binary's results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from statistics import median
from typing import Any

import numpy as np

from edgefuse_tools.student.calibration import calibration_error

Figures = dict[str, float]


def share(hits: Iterable[Any]) -> float:
    """Share of true ``hits``, 0..1."""
    results = list(map(bool, hits))
    return round(sum(results) / len(results), 5)


def decided(lines: Sequence[dict[str, Any]], answers: Sequence[str]) -> Figures:
    """Accuracy, expected calibration error and milliseconds of fusions, one for each correct answer."""
    fusions = [line["fusion"] for line in lines]
    confidence = np.array([fusion["confidence"] for fusion in fusions])
    right = np.array([fusion["label"] == answer for fusion, answer in zip(fusions, answers)])
    return {
        "accuracy": share(right),
        "calibration_error": round(calibration_error(confidence, right), 4),
        "confidence": round(float(confidence.mean()), 4),
        "ms": milliseconds(fusions),
        "ms_fastest_hundredth": fastest(fusions),
    }


def best_possible(seen: Sequence[Hashable], answers: Sequence[str]) -> float:
    """Accuracy of always giving the most frequent answer among these questions for the same input."""
    counts: dict[Hashable, Counter[str]] = {}
    for what, answer in zip(seen, answers):
        counts.setdefault(what, Counter())[answer] += 1
    return round(sum(max(counter.values()) for counter in counts.values()) / len(answers), 5)


def milliseconds(results: Iterable[dict[str, Any]]) -> float:
    """Median time of these steps."""
    return round(median(result["ms"] for result in results), 2)


def fastest(results: Iterable[dict[str, Any]]) -> float:
    """First percentile of the times of these steps: close to the median on an otherwise idle machine."""
    times = sorted(result["ms"] for result in results)
    return round(times[len(times) // 100], 2)


def recall(queries: np.ndarray, expected: Sequence[str], found: np.ndarray, classes: Sequence[str]) -> float:
    """Share of ``queries`` [n, hidden] whose nearest neighbour in ``found`` [m, hidden] has the expected class."""
    nearest = (queries @ found.T).argmax(axis=1)
    return share(classes[index] == name for index, name in zip(nearest, expected))
