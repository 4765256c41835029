"""Simulates a room and a microphone: echoes, noise, level, silence around the speech."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgefuse_tools.student.log_mel import SAMPLE_RATE

_LEVEL_DB = (-26.0, -6.0)  # loudest sample, relative to full scale
_SILENCE = 0.4  # seconds, at most, before and after
_REVERBERATION_TIME = (0.15, 0.6)  # seconds until the echoes are 60 dB down
_DIRECT_DB = (-3.0, 12.0)  # energy of the direct sound relative to that of all echoes
_FIRST_ECHO = (0.002, 0.015)  # seconds after the direct sound
_DECAY = 3.0 * np.log(10.0)  # nepers of amplitude in the reverberation time
_TILT = (0.0, 1.0)  # noise amplitude falls as frequency to the power of minus this: white to beyond pink
_LOWEST = 50.0  # Hz, below which the noise does not increase further


@dataclass(frozen=True)
class Conditions:
    """Probability of echoes, and range of the signal-to-noise ratio in dB."""

    echoing: float
    signal_to_noise_db: tuple[float, float]


TRAINING = Conditions(echoing=0.5, signal_to_noise_db=(8.0, 55.0))
EXAMINATION = Conditions(echoing=0.5, signal_to_noise_db=(10.0, 40.0))


def record(rng: np.random.Generator, samples: np.ndarray, conditions: Conditions) -> np.ndarray:
    """``samples`` [n] at 16 kHz as recorded by a microphone in a room: [m] float32 in -1..1, m > n."""
    before, after = (int(rng.uniform(0.0, _SILENCE) * SAMPLE_RATE) for _ in range(2))
    speech = np.pad(samples.astype(np.float64), (before, after))
    if rng.random() < conditions.echoing:
        speech = _convolve(speech, impulse_response(rng))[: len(speech)]
    loudness = np.sqrt(np.sum(speech**2) / max(len(samples), 1))
    noise = coloured_noise(rng, len(speech)) * loudness * 10.0 ** (-rng.uniform(*conditions.signal_to_noise_db) / 20.0)
    heard = speech + noise
    level = 10.0 ** (rng.uniform(*_LEVEL_DB) / 20.0)
    return (heard * level / max(float(np.abs(heard).max()), 1e-9)).astype(np.float32)


def impulse_response(rng: np.random.Generator) -> np.ndarray:
    """A synthetic room: the direct sound of amplitude 1, then noise that decays exponentially (Moorer's model)."""
    time = rng.uniform(*_REVERBERATION_TIME)
    length = int(time * SAMPLE_RATE)
    echoes = rng.normal(size=length) * np.exp(-_DECAY * np.arange(length) / length)
    echoes[: int(rng.uniform(*_FIRST_ECHO) * SAMPLE_RATE)] = 0.0
    echoes *= 10.0 ** (-rng.uniform(*_DIRECT_DB) / 20.0) / np.sqrt(np.sum(echoes**2))
    echoes[0] = 1.0
    return echoes


def coloured_noise(rng: np.random.Generator, length: int) -> np.ndarray:
    """Noise [length] with root mean square 1, white or darker."""
    spectrum = np.fft.rfft(rng.normal(size=length))
    hertz = np.maximum(np.fft.rfftfreq(length, 1.0 / SAMPLE_RATE), _LOWEST)
    noise = np.fft.irfft(spectrum * hertz ** -rng.uniform(*_TILT), length)
    return noise / max(float(np.sqrt(np.mean(noise**2))), 1e-12)


def _convolve(samples: np.ndarray, response: np.ndarray) -> np.ndarray:
    length = len(samples) + len(response) - 1
    size = 1 << (length - 1).bit_length()
    return np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(response, size), size)[:length]
