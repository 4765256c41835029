"""Augmentation of recordings that keeps their words, applied to log-mel frames, where it costs little.

A log-mel difference of 0.25 is a factor of ten in power, 10 dB; see ``log_mel``. Noise adds to the power of each band,
and a microphone's response to its logarithm; another vocal tract stretches the mel axis (VTLP, Jaitly and Hinton), and
another speed the time axis; bands and moments are masked as in SpecAugment (Park et al.).
"""

from __future__ import annotations

import numpy as np

from edgefuse_tools.student.log_mel import MELS

_DECADES = 4.0  # of power in a log-mel value of 1
_RANGE = 2.0  # values further below the loudest one are clipped
_SPEED = (0.88, 1.14)
_WARP = (0.9, 1.1)  # of the mel axis
_SILENCE = 30  # frames, at most, inserted before the recording
_NOISY = 0.3  # probability of noise
_SIGNAL_TO_NOISE = (0.6, 4.0)  # decades of power
_TILT = 1.0  # decades of noise power over the mel axis, up or down
_RESPONSE = 0.06  # log-mel, standard deviation of each wave of the microphone's response over the mel axis
_LEVEL = 0.35  # log-mel, up or down: distance and gain of the microphone
_HIDDEN_BANDS = 8  # at most, at once
_HIDDEN_FRAMES = 8


def augment(rng: np.random.Generator, frames: np.ndarray) -> np.ndarray:
    """An augmented recording with the same words: [m, 80] float32 from [n, 80], m between 0.87 n and 1.14 n + 30."""
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
    """Each band takes the value at ``factor`` times its position."""
    return _at(frames.T, np.minimum(np.arange(MELS) * factor, MELS - 1)).T


def _at(rows: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Rows at fractional positions, interpolated linearly."""
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
