"""Changes of a recording that leave what it says: made on log-mel frames, so that they cost little beside a step.

A log-mel value of 0.25 is a factor of ten in power, 10 dB; see ``log_mel``. Noise adds to the power of each band,
a microphone's response to its logarithm, another vocal tract stretches the mel axis (VTLP, Jaitly and Hinton), another
speed the time axis; bands and moments are hidden as in SpecAugment (Park et al.).
"""

from __future__ import annotations

import numpy as np

from edgefuse_tools.student.log_mel import MELS

_DECADES = 4.0  # of power in a log-mel value of 1
_RANGE = 2.0  # below the loudest value nothing is kept
_SPEED = (0.88, 1.14)
_WARP = (0.9, 1.1)  # of the mel axis
_SILENCE = 30  # frames, at most, put before the recording
_NOISY = 0.3  # how often noise is added
_SIGNAL_TO_NOISE = (0.6, 4.0)  # decades of power
_TILT = 1.0  # decades of noise power over the mel axis, either way
_RESPONSE = 0.06  # log-mel, standard deviation of each wave of the microphone's response over the mel axis
_LEVEL = 0.35  # log-mel, either way: how near the microphone is, and how far it is turned up
_HIDDEN_BANDS = 8  # at most, at once
_HIDDEN_FRAMES = 8


def augment(rng: np.random.Generator, frames: np.ndarray) -> np.ndarray:
    """Another recording that says the same: [m, 80] float32 from [n, 80], m between 0.87 n and 1.14 n + 30."""
    changed = _faster(frames.astype(np.float32), rng.uniform(*_SPEED))
    changed = _warp(changed, rng.uniform(*_WARP))
    silence = np.repeat(changed[:1], int(rng.integers(_SILENCE + 1)), axis=0)
    changed = np.concatenate([silence, changed])
    if rng.random() < _NOISY:
        changed = _add_noise(rng, changed)
    changed = changed + _response(rng) + np.float32(rng.uniform(-_LEVEL, _LEVEL))
    quietest = changed.max() - _RANGE
    changed = np.maximum(changed, quietest)
    _hide(rng, changed, quietest)
    return changed


def _faster(frames: np.ndarray, speed: float) -> np.ndarray:
    """Linear interpolation along time: ``speed`` times as fast."""
    count = max(1, round(len(frames) / speed))
    return _at(frames, np.minimum(np.arange(count) * speed, len(frames) - 1))


def _warp(frames: np.ndarray, factor: float) -> np.ndarray:
    """Each band takes what is at ``factor`` times its place."""
    return _at(frames.T, np.minimum(np.arange(MELS) * factor, MELS - 1)).T


def _at(rows: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Rows at places between whole numbers."""
    low = places.astype(np.int64)
    part = (places - low).astype(np.float32)[:, None]
    return rows[low] * (1.0 - part) + rows[np.minimum(low + 1, len(rows) - 1)] * part


def _add_noise(rng: np.random.Generator, frames: np.ndarray) -> np.ndarray:
    power = np.power(np.float32(10.0), frames * np.float32(_DECADES))
    tilt = 10.0 ** (rng.uniform(-_TILT, _TILT) * np.linspace(-0.5, 0.5, MELS))
    level = power.mean() * 10.0 ** -rng.uniform(*_SIGNAL_TO_NOISE)
    noise = rng.exponential(size=frames.shape).astype(np.float32) * (level * tilt).astype(np.float32)
    return np.log10(power + noise) / np.float32(_DECADES)


def _response(rng: np.random.Generator) -> np.ndarray:
    """A smooth curve over the bands: [80] float32."""
    place = np.linspace(0.0, np.pi, MELS)
    waves = np.stack([np.cos(place), np.cos(2.0 * place), np.cos(3.0 * place)])
    return (rng.normal(scale=_RESPONSE, size=3) @ waves).astype(np.float32)


def _hide(rng: np.random.Generator, frames: np.ndarray, filler: float) -> None:
    width = int(rng.integers(_HIDDEN_BANDS + 1))
    low = int(rng.integers(MELS - width + 1))
    frames[:, low : low + width] = filler
    length = min(int(rng.integers(_HIDDEN_FRAMES + 1)), len(frames) // 4)
    start = int(rng.integers(len(frames) - length + 1))
    frames[start : start + length] = filler
