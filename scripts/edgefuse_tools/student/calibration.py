"""Calibration error: how far a model's confidence is from its accuracy."""

from __future__ import annotations

import numpy as np

_BINS = 15


def expected_calibration_error(probabilities: np.ndarray, answers: np.ndarray) -> float:
    """``calibration_error`` of the most probable answers.

    probabilities: [n, answers], rows sum to 1; answers: [n] int, the correct ones
    """
    return calibration_error(probabilities.max(axis=1), probabilities.argmax(axis=1) == answers)


def calibration_error(confidence: np.ndarray, right: np.ndarray) -> float:
    """The mean distance of confidence from accuracy over 15 equal bins of confidence (Guo et al. 2017), 0..1.

    confidence: [n] in 0..1; right: [n] bool
    """
    bins = np.minimum((confidence * _BINS).astype(np.int64), _BINS - 1)
    gaps = np.bincount(bins, weights=right.astype(np.float64) - confidence, minlength=_BINS)
    return float(np.abs(gaps).sum() / len(confidence))
