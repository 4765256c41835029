"""What the clients send: the first 3 s of recordings of tests/data, and pictures."""

from __future__ import annotations

import base64
import io
import json
import wave

from edgefuse_tools.bench import paths
from edgefuse_tools.bench.audio import BYTES, RATE, read_samples
from edgefuse_tools.bench.serving.load import form, request

CLIPS, PICTURES = "clips", "pictures"
WORKLOADS = (CLIPS, PICTURES)
"""The kinds of load."""
COMPARED = 4
"""Number of clients at which the servers are compared."""
CLIP_S = 3
RECORDINGS = tuple(f"librivox-{number}.wav" for number in ("0870", "0880", "0890", "0920", "0930"))
FILES = tuple(f"tests/fixtures/blip/photo-{name}.png" for name in ("rgb", "gray"))


def clips() -> list[bytes]:
    """WAV files, 16 kHz mono 16-bit; a recording that is shorter ends in silence."""
    size = CLIP_S * RATE * BYTES
    return [wav(read_samples(paths.DATA / name)[:size].ljust(size, b"\0")) for name in RECORDINGS]


def wav(samples: bytes) -> bytes:
    """A WAV file of 16-bit mono samples at 16 kHz."""
    file = io.BytesIO()
    with wave.open(file, "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(BYTES)
        stream.setframerate(RATE)
        stream.writeframes(samples)
    return file.getvalue()


def transcriptions(path: str, fields: dict[str, str]) -> list[bytes]:
    """A request for the transcript of each clip."""
    return [request(path, *form(fields, clip, "clip.wav")) for clip in clips()]


def captions() -> list[bytes]:
    """A request for the caption of each picture, in OpenAI's API."""
    return [caption((paths.ROOT / name).read_bytes()) for name in FILES]


def caption(png: bytes, model: str = "edgefuse") -> bytes:
    """A request for the caption of a picture."""
    url = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    content = [{"type": "image_url", "image_url": {"url": url}}]
    chat = {"model": model, "messages": [{"role": "user", "content": content}]}
    return request("/v1/chat/completions", "application/json", json.dumps(chat).encode())
