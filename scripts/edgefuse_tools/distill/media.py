"""Reads pictures and sounds as the runtime does."""

from __future__ import annotations

import shutil
import subprocess
import wave
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from edgefuse_tools.student.log_mel import SAMPLE_RATE, log_mel

LONGEST = 30  # seconds of sound


class MediaError(Exception):
    """The file cannot be used; the message does not include its name."""


def picture(path: Path, side: int) -> np.ndarray:
    """[side, side, 3] uint8: Pillow's bicubic resizing, as in the runtime."""
    return np.asarray(opened(path).resize((side, side), Image.Resampling.BICUBIC))


def opened(path: Path) -> Image.Image:
    """The picture in RGB: upright, transparency on white, as in the runtime."""
    try:
        with Image.open(path) as file:
            image: Image.Image = ImageOps.exif_transpose(file)
            if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA"):
                image = image.convert("RGBA")
                white = Image.new("RGBA", image.size, "white")
                image = Image.alpha_composite(white, image)
            return image.convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise MediaError(f"is not a readable picture: {error}") from None


def frames(path: Path) -> np.ndarray:
    """Log-mel frames [n, 80] float16 of a sound of at most 30 seconds."""
    heard = samples(path)
    if len(heard) == 0:
        raise MediaError("holds no sound")
    if len(heard) > LONGEST * SAMPLE_RATE:
        raise MediaError(f"lasts {len(heard) / SAMPLE_RATE:.1f} s; the limit is {LONGEST} s")
    return log_mel(heard).T.astype(np.float16)


def samples(path: Path) -> np.ndarray:
    """[n] float32 at 16 kHz, mono. Reads 16-bit WAV itself, everything else through ffmpeg."""
    try:
        with wave.open(str(path)) as recording:
            if recording.getsampwidth() == 2:
                channels, rate = recording.getnchannels(), recording.getframerate()
                values = np.frombuffer(recording.readframes(recording.getnframes()), dtype="<i2")
                whole = values[: len(values) // channels * channels].reshape(-1, channels)
                return _resample(whole.astype(np.float32).mean(axis=1) / 32768.0, rate)
    except (wave.Error, EOFError):
        pass
    if shutil.which("ffmpeg") is None:
        raise MediaError("is not a 16-bit WAV: convert it, or install ffmpeg, which reads other formats")
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-ac", "1", "-ar", str(SAMPLE_RATE), "-f", "f32le", "-"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise MediaError(f"is not a readable sound: {lines[-1] if lines else 'ffmpeg failed'}")
    return np.frombuffer(done.stdout, dtype="<f4")


def _resample(samples: np.ndarray, rate: int) -> np.ndarray:
    """To 16 kHz by truncating or padding the spectrum, in a single transform because sounds are short."""
    if rate == SAMPLE_RATE or len(samples) == 0:
        return samples
    length = max(1, round(len(samples) * SAMPLE_RATE / rate))
    spectrum = np.fft.rfft(samples)[: length // 2 + 1]
    return (np.fft.irfft(spectrum, length) * (length / len(samples))).astype(np.float32)
