"""Whisper's log-mel front end in numpy, without padding to 30 seconds."""

from __future__ import annotations

import numpy as np

SAMPLE_RATE = 16_000  # Hz
MELS = 80
HOP = 160  # samples per frame: 100 frames per second
WINDOW = 400  # samples
_FLOOR = 1e-10  # power
_RANGE = 8.0  # decades; values further below the loudest one are clipped
#: Value of padding frames in a batch; real ones are never below -1.5.
ABSENT_FRAME = -4.0


def log_mel(samples: np.ndarray) -> np.ndarray:
    """``samples`` [n] float32 at 16 kHz to [80, frames] float32, frames = n / 160 rounded up, at least 1.

    These are the first frames of what Whisper computes for the recording padded with zeros to 30 seconds.
    """
    frames = max(1, -(-len(samples) // HOP))
    half = WINDOW // 2
    needed = max(frames * HOP + WINDOW, half + 1)
    padded = np.pad(samples.astype(np.float64), (0, needed - len(samples)))
    padded = np.concatenate([padded[half:0:-1], padded])  # the beginning is reflected, the end is silence
    starts = np.arange(frames)[:, None] * HOP
    windows = padded[starts + np.arange(WINDOW)[None, :]] * np.hanning(WINDOW + 1)[:-1]
    power = np.abs(np.fft.rfft(windows, axis=1)) ** 2
    decades = np.log10(np.maximum(power @ _FILTERS.T, _FLOOR))
    decades = np.maximum(decades, decades.max() - _RANGE)
    return ((decades + 4.0) / 4.0).T.astype(np.float32)


def _to_mel(hertz: np.ndarray) -> np.ndarray:
    """Slaney's scale: linear up to 1 kHz, logarithmic above."""
    linear = hertz * 3.0 / 200.0
    logarithmic = 15.0 + np.log(np.maximum(hertz, 1.0) / 1000.0) * 27.0 / np.log(6.4)
    return np.where(hertz < 1000.0, linear, logarithmic)


def _to_hertz(mel: np.ndarray) -> np.ndarray:
    return np.where(mel < 15.0, mel * 200.0 / 3.0, 1000.0 * np.exp((mel - 15.0) * np.log(6.4) / 27.0))


def _filters() -> np.ndarray:
    """Triangles of equal area on the mel scale: [80, 201]."""
    bins = np.fft.rfftfreq(WINDOW, 1.0 / SAMPLE_RATE)
    highest = _to_mel(np.array(SAMPLE_RATE / 2.0))
    edges = _to_hertz(np.linspace(0.0, highest, MELS + 2))
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising = (bins - low) / (middle - low)
    falling = (high - bins) / (high - middle)
    return np.maximum(0.0, np.minimum(rising, falling)) * 2.0 / (high - low)


_FILTERS = _filters()
