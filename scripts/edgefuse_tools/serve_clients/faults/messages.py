"""Valid messages of every protocol: what well-behaved clients send, and what the fuzzer starts from."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

from edgefuse_tools.bench.audio import BYTES, RATE, read_samples
from edgefuse_tools.bench.serving.load import form, request
from edgefuse_tools.bench.serving.payloads import caption, wav
from edgefuse_tools.serve_clients.server import ROOT

DATA = ROOT / "tests/data"
PICTURE = DATA / "easyvqa-23.png"
RECORDING = DATA / "librivox-0930.wav"
JSON = "application/json"


def clip(seconds: float) -> bytes:
    """The first `seconds` of a recording, as a WAV file."""
    return wav(samples(seconds))


def samples(seconds: float) -> bytes:
    """The same as 16-bit samples."""
    return read_samples(RECORDING)[: int(seconds * RATE) * BYTES]


def transcription(seconds: float, **fields: str) -> bytes:
    """A request for a transcript."""
    return request("/v1/audio/transcriptions", *form({"model": "whisper-1", **fields}, clip(seconds), "clip.wav"))


def posted(path: str, value: object) -> bytes:
    """A request with JSON."""
    return request(path, JSON, json.dumps(value).encode())


def picture() -> dict[str, str]:
    """A picture in a record."""
    return {"base64": base64.b64encode(PICTURE.read_bytes()).decode()}


def got(path: str) -> bytes:
    """A request for a path."""
    return request(path, "text/plain", b"", method="GET")


def http(seconds: float) -> dict[str, bytes]:
    """Requests by name; recordings have this length."""
    question = {"type": "text", "text": "what shape is in the image?"}
    url = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture()['base64']}"}}
    chat = {"model": "edgefuse", "messages": [{"role": "user", "content": [question, url]}]}
    record = {"id": "a", "image": picture(), "text": "what color is it?"}
    return {
        "transcript": transcription(seconds),
        "words": transcription(seconds, **{"response_format": "verbose_json", "timestamp_granularities[]": "word"}),
        "stream": transcription(seconds, stream="true"),
        "inference": request("/inference", *form({"temperature": "0.0"}, clip(seconds), "clip.wav")),
        "caption": caption(PICTURE.read_bytes()),
        "answer": posted("/v1/chat/completions", chat),
        "run": posted("/v1/run", record),
        "fuse": posted("/v1/fuse", {"image": picture()}),
        "match": posted("/v1/match", {"image": picture(), "texts": ["a circle", "a square"]}),
        "models": got("/v1/models"),
        "model": got("/v1/models/blip"),
        "metrics": got("/metrics"),
        "health": got("/health"),
        "ready": got("/ready"),
        "openapi": got("/openapi.json"),
    }


def event(kind: str, data: dict[str, Any], payload: bytes = b"") -> bytes:
    """An event of the Wyoming protocol."""
    text = json.dumps(data).encode()
    header = {"type": kind, "data_length": len(text), "payload_length": len(payload)}
    return json.dumps(header).encode() + b"\n" + text + payload


def utterance(seconds: float) -> bytes:
    """An utterance over Wyoming."""
    form_of = {"rate": RATE, "width": BYTES, "channels": 1}
    pcm = samples(seconds)
    chunks = b"".join(event("audio-chunk", form_of, pcm[at : at + 2048]) for at in range(0, len(pcm), 2048))
    return event("transcribe", {"language": "en"}) + event("audio-start", form_of) + chunks + event("audio-stop", {})


def wyoming(seconds: float) -> list[bytes]:
    """Conversations over Wyoming."""
    return [
        event("describe", {}) + event("ping", {"text": "x"}),
        utterance(seconds),
        event("audio-start", {"rate": RATE, "width": BYTES, "channels": 1}) + event("audio-stop", {}),
    ]


def websocket() -> list[bytes]:
    """A WebSocket's handshake, with frames as a client of OpenAI's realtime API sends them."""
    upgrade = (
        b"GET /v1/realtime?model=whisper-1 HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    sound = base64.b64encode(samples(0.1)).decode()
    events: list[dict[str, Any]] = [
        {"type": "session.update", "session": {"type": "transcription"}},
        {"type": "input_audio_buffer.append", "audio": sound},
        {"type": "input_audio_buffer.commit"},
        {"type": "input_audio_buffer.clear"},
    ]
    frames = [frame(1, json.dumps(one).encode()) for one in events]
    other = [
        frame(9, b"x"),
        frame(2, b"\0" * 100),
        frame(1, b'{"ty', final=False) + frame(0, b'pe":""}'),
        frame(8, b"\x03\xe8"),
    ]
    return [upgrade + b"".join(frames), *(upgrade + one for one in [*frames, *other])]


def frame(kind: int, payload: bytes, *, final: bool = True) -> bytes:
    """A client's WebSocket frame, masked as the protocol requires, with a mask of zeros."""
    size = len(payload)
    short = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    if size > 0xFFFF:
        short = b"\xff" + size.to_bytes(8, "big")
    return bytes([(0x80 if final else 0) | kind]) + short + bytes(4) + payload


def normal(name: str, answer: bytes) -> Any:
    """The part of an answer's body that is the same every time: without ids, times, figures of the service."""
    if name in ("metrics", "openapi", "ready", "health"):
        return len(answer) > 0
    if name == "stream":
        return answer
    return _without(json.loads(answer))


def _without(value: Any) -> Any:
    """Without keys that differ between two answers."""
    if isinstance(value, dict):
        kept = (item for item in value.items() if item[0] not in ("ms", "created", "precision"))
        return {key: _without(it) for key, it in kept if not str(it).startswith("chatcmpl-")}
    return [_without(it) for it in value] if isinstance(value, list) else value


def body(answer: bytes) -> tuple[int, bytes]:
    """Status and body of an answer; status 0 if it is none."""
    head, _, rest = answer.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" in head.lower():
        rest = b"".join(_chunks(rest))
    return status(answer), rest


def _chunks(rest: bytes) -> Iterator[bytes]:
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        yield rest[:length]
        rest = rest[length + 2 :]


def status(answer: bytes) -> int:
    """Status of an answer over HTTP; 0 if it is none."""
    words = answer[:16].split(b" ")
    return int(words[1]) if answer.startswith(b"HTTP/1.") and len(words) > 1 and words[1].isdigit() else 0
