"""The servers with their settings: how each is started, and what the clients send to it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from edgefuse_tools.bench import blip_weights, edgefuse_model, paths, prepare
from edgefuse_tools.bench.serving import payloads, whisper_cpp
from edgefuse_tools.bench.serving.payloads import PICTURES
from edgefuse_tools.bench.variants import EDGEFUSE, SHIPPED_CONTEXT

MODEL = "tiny.en"
QUEUE = {"at_once": 2, "waiting": 64}
"""edgefuse's `runtime.requests`: enough for as many clients as are measured. The others have no limit."""
TRANSCRIPTIONS = "/v1/audio/transcriptions"
_ENGLISH = {"model": "whisper-1", "language": "en", "vad": "false"}


@dataclass(frozen=True)
class Setting:
    """What a server is started with."""

    binary: Path
    threads: int
    port: int
    scratch: Path


@dataclass(frozen=True)
class Server:
    """One server with one setting.

    name       name in the results
    packages   Python packages whose versions are reported
    command    the command line that starts it
    messages   requests of the clients
    """

    name: str
    command: Callable[[Setting], Sequence[str]]
    messages: Callable[[], list[bytes]]
    packages: tuple[str, ...] = field(default=())


def servers(workload: str) -> list[Server]:
    """The servers of a workload, edgefuse as it is shipped first."""
    if workload == PICTURES:
        return [Server(EDGEFUSE, _edgefuse_blip, payloads.captions)]
    return [
        Server(
            EDGEFUSE,
            _edgefuse,
            lambda: payloads.transcriptions(TRANSCRIPTIONS, {**_ENGLISH, "encoder_context": SHIPPED_CONTEXT}),
        ),
        Server(
            f"{EDGEFUSE}, auto context",
            _edgefuse,
            lambda: payloads.transcriptions(TRANSCRIPTIONS, {**_ENGLISH, "encoder_context": "auto"}),
        ),
        Server("whisper.cpp f16", _whisper_cpp, lambda: payloads.transcriptions("/inference", {})),
        Server(
            "faster-whisper int8, FastAPI",
            _faster_whisper,
            lambda: payloads.transcriptions(TRANSCRIPTIONS, {}),
            ("faster-whisper", "ctranslate2", "fastapi", "uvicorn"),
        ),
    ]


def _edgefuse(setting: Setting) -> list[str]:
    folder = prepare.weights("edgefuse", MODEL)
    precision = edgefuse_model.precisions(folder)[0]
    device = edgefuse_model.device_file(edgefuse_model.shipped(), folder, precision, setting.threads, batched=False)
    return _serve(setting, device)


def _edgefuse_blip(setting: Setting) -> list[str]:
    blip = {**edgefuse_model.shipped()["models"]["blip"], "path": str(blip_weights.weights("caption") / "onnx")}
    device = {
        "device": "benchmark",
        "runtime": {"library": str(paths.LIBRARY), "threads": {"intra": setting.threads, "inter": 1}},
        "execution_providers": ["cpu"],
        "models": {"blip": blip},
        "pipeline": [{"caption": {"max_tokens": 20}}],
    }
    return _serve(setting, device)


def _serve(setting: Setting, device: dict[str, Any]) -> list[str]:
    device["runtime"]["requests"] = QUEUE
    device["server"] = {"http": {"listen": f"127.0.0.1:{setting.port}"}}
    file = setting.scratch / "device.yaml"
    edgefuse_model.write_device_file(file, device)
    return [str(setting.binary), "--quiet", "--config", str(file), "serve"]


def _whisper_cpp(setting: Setting) -> list[str]:
    model = prepare.weights("ggml", MODEL)
    options = ["--model", str(model), "--threads", str(setting.threads), "--language", "en"]
    return [
        str(whisper_cpp.server()),
        *options,
        "--public",
        str(setting.scratch),
        "--host",
        "127.0.0.1",
        "--port",
        str(setting.port),
    ]


def _faster_whisper(setting: Setting) -> list[str]:
    module = "edgefuse_tools.bench.serving.faster_whisper_server"
    model = prepare.weights("ctranslate2", MODEL)
    return [sys.executable, "-m", module, str(model), str(setting.threads), str(setting.port)]
