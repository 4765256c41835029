"""Sources by real parts: the example device files, ALSA's plugins, ffmpeg's RTSP and HTTP, sources that are killed."""

from __future__ import annotations

import array
import contextlib
import http.server
import json
import os
import random
import re
import signal
import subprocess
import tempfile
import threading
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgefuse_tools import debian
from edgefuse_tools.debian import NotRun
from edgefuse_tools.live.broker import free_port

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_S = 120
# Colours and shapes of the pictures that the examples play.
ANSWERS = ("blue", "green", "red", "rectangle", "circle", "triangle")
PLAY = f"python3 {ROOT}/configs/examples/play.py"


class Live:
    """`edgefuse serve` with the real models, whose results are read from standard output."""

    def __init__(self, binary: str, file: Path, environment: dict[str, str] | None = None) -> None:
        everything = {**os.environ, "ORT_DYLIB_PATH": str(ROOT / "lib/libonnxruntime.so"), **(environment or {})}
        command = [str(Path(binary).resolve()), "--config", str(file), "serve"]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, env=everything, text=True
        )
        self.results: list[dict[str, Any]] = []
        self.said = ""
        self._readers = [threading.Thread(target=reader, daemon=True) for reader in (self._results, self._said)]
        for reader in self._readers:
            reader.start()

    def _results(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.results.append(json.loads(line))

    def _said(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.said += line

    def wait(self, what: str, found: Any) -> Any:
        """Waits until `found(result)` is true for a result, which is returned."""
        until = time.monotonic() + PATIENCE_S
        while True:
            for result in list(self.results):
                if found(result):
                    return result
            assert self.process.poll() is None, f"the process ended: {self.said}"
            assert time.monotonic() < until, f"{what}: not within {PATIENCE_S} s: {self.said} {self.results[-3:]}"
            time.sleep(0.05)

    def stop(self) -> str:
        """Ends the process; what it said."""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE_S) == 0, self.said
        for reader in self._readers:
            reader.join(PATIENCE_S)
        assert "panicked" not in self.said, self.said
        return self.said


@contextlib.contextmanager
def live(binary: str, lines: str, environment: dict[str, str] | None = None) -> Iterator[Live]:
    """A device with these sources and the models of configs/cpu.yaml."""
    with tempfile.TemporaryDirectory(prefix="edgefuse-live-") as folder:
        file = Path(folder) / "device.yaml"
        file.write_text(f"device: live\nextends: {ROOT}/configs/cpu.yaml\nsources:\n{lines}")
        device = Live(binary, file, environment)
        try:
            yield device
        finally:
            device.process.kill()


def text(result: dict[str, Any], step: str) -> str:
    """The text of a step's result."""
    found: str = result.get(step, {}).get("text", "")
    return found


def check_examples(binary: str, _full: bool) -> str:
    """The device files of configs/examples, as they are."""
    found = []
    for name, expected in (
        (
            "front-door",
            lambda it: it["source"] == "visitor" and text(it, "answer") in ANSWERS,
        ),
        ("shop-floor", lambda it: it["source"] == "station" and "label" in it.get("fusion", {}) and "transcript" in it),
        ("meeting-room", lambda it: it["source"] == "room" and "dashwood" in text(it, "transcript").lower()),
    ):
        device = Live(binary, ROOT / f"configs/examples/{name}.yaml")
        try:
            result = device.wait(name, expected)
            device.stop()
        finally:
            device.process.kill()
        found.append(f"{name}: {text(result, 'transcript')!r}")
    return "; ".join(found)


def check_alsa(binary: str, _full: bool) -> str:
    """ALSA's file plugin: 48 kHz, two channels, of which the second speaks."""
    debian.library("libasound.so.2", "libasound2")
    with tempfile.TemporaryDirectory() as folder:
        with wave.open(str(ROOT / "tests/data/question-color.wav")) as file:
            speech = array.array("h", file.readframes(file.getnframes()))
        stereo = array.array("h")
        for sample in array.array("h", [0] * 32_000) + speech + array.array("h", [0] * 48_000):
            stereo.extend([0, sample] * 3)
        Path(folder, "in.raw").write_bytes(stereo.tobytes())
        Path(folder, "asound.conf").write_text(
            f"pcm.film {{ type file slave.pcm {{ type null }} file /dev/null infile {folder}/in.raw format raw }}\n"
        )
        environment = {"ALSA_CONFIG_PATH": f"/usr/share/alsa/alsa.conf:{folder}/asound.conf"}
        lines = (
            "  mic: {microphone: 'alsa://film', rate: 48000, channel: 1, pipeline: [transcribe]}\n"
            "  none: {microphone: 'alsa://hw:7', pipeline: [transcribe]}\n"
        )
        with live(binary, lines, environment) as device:
            result = device.wait("a transcript", lambda it: "color" in text(it, "transcript").lower())
            said = device.stop()
    assert said.count("source none: ") == 1 and "ALSA lib" not in said, said
    return f"{text(result, 'transcript')!r} from the second channel at 48 kHz; a missing card reported once"


class _Stream(http.server.BaseHTTPRequestHandler):
    """A camera's HTTP stream: a multipart of JPEG files, for ever."""

    picture = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        with contextlib.suppress(OSError):
            while True:
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(self.picture)}\r\n\r\n"
                self.wfile.write(head.encode() + self.picture + b"\r\n")
                time.sleep(0.1)

    def log_message(self, *_: Any) -> None:
        pass


def check_network_cameras(binary: str, _full: bool) -> str:
    """HTTP with credentials, and RTSP to ffmpeg's own listener."""
    debian.program("ffmpeg")
    picture = ROOT / "tests/data/easyvqa-7.png"
    with tempfile.TemporaryDirectory() as folder:
        jpeg = Path(folder) / "a.jpg"
        quiet = ["ffmpeg", "-nostdin", "-loglevel", "error"]
        subprocess.run([*quiet, "-i", str(picture), "-q:v", "2", str(jpeg)], check=True)
        _Stream.picture = jpeg.read_bytes()
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Stream)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = free_port()
        listen = f"exec:ffmpeg -nostdin -loglevel error -rtsp_flags listen -i rtsp://127.0.0.1:{port}/live -f mjpeg -"
        lines = (
            f"  http: {{camera: 'http://user:hidden@127.0.0.1:{server.server_port}/', pipeline: [caption]}}\n"
            f"  rtsp: {{camera: '{listen}', stall: 60s, pipeline: [caption]}}\n"
        )
        with live(binary, lines) as device:
            push = [
                *quiet,
                "-re",
                "-loop",
                "1",
                "-i",
                str(picture),
                "-vf",
                "format=yuv420p,scale=256:256",
                "-c:v",
                "mpeg4",
            ]
            sender = None
            try:
                caption = device.wait("a caption over HTTP", lambda it: it["source"] == "http")
                until = time.monotonic() + PATIENCE_S
                while not any(result["source"] == "rtsp" for result in list(device.results)):
                    if sender is None or sender.poll() is not None:
                        sender = subprocess.Popen(
                            [*push, "-f", "rtsp", f"rtsp://127.0.0.1:{port}/live"], stderr=subprocess.DEVNULL
                        )
                    assert time.monotonic() < until, device.said
                    time.sleep(0.5)
                other = device.wait("a caption over RTSP", lambda it: it["source"] == "rtsp")
                said = device.stop()
            finally:
                if sender is not None:
                    sender.kill()
                server.shutdown()
    assert "hidden" not in said, said
    assert text(caption, "caption") == text(other, "caption"), (caption, other)
    return f"{text(caption, 'caption')!r} over HTTP and RTSP"


def _commands(mark: str) -> list[int]:
    """The processes whose command line contains a text."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            if mark in (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"):
                found.append(int(entry.name))
    return [process for process in found if process != os.getpid()]


def check_killed_sources(binary: str, full: bool) -> str:
    """A source that is killed again and again comes back, and another is not disturbed."""
    times = 50 if full else 5
    mark = f"--fps 10.{os.getpid()}"
    lines = (
        f"  killed: {{camera: 'exec:{PLAY} pictures {mark} {ROOT}/tests/data/easyvqa-7.png', every: 200ms, pipeline: [caption]}}\n"
        f"  other: {{camera: 'exec:{PLAY} pictures --fps 10 {ROOT}/tests/data/easyvqa-0.png', every: 500ms, pipeline: [caption]}}\n"
    )
    slowest = 0.0
    with live(binary, lines) as device:
        device.wait("the first result", lambda it: it["source"] == "killed")
        for _ in range(times):
            time.sleep(random.uniform(0.1, 0.6))
            victims = _commands(mark)
            for process in victims:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            killed, count = time.monotonic(), len(device.results)
            device.wait(
                "it comes back", lambda it, count=count: it["source"] == "killed" and it in device.results[count:]
            )
            slowest = max(slowest, time.monotonic() - killed)
        moments = [result["uptime_s"] for result in device.results if result["source"] == "other"]
        gap = max(later - earlier for earlier, later in zip(moments, moments[1:]))
        said = device.stop()
    assert gap < 5, f"the other source paused for {gap:.1f} s"
    assert not _commands(mark)
    reported = len(re.findall("source killed: .*killed by signal 9", said))
    assert 1 <= reported <= times, said
    return f"{times} kills: back within {slowest:.1f} s; the other source's longest pause {gap:.2f} s"


def check_video_devices(_binary: str, _full: bool) -> str:
    """Says whether the kernel has a video device to read."""
    if not list(Path("/dev").glob("video*")):
        raise NotRun(
            "the kernel has no video device (vivid, v4l2loopback); the calls are tested against recorded answers"
        )
    return "a video device is there; add it to a device file and look"
