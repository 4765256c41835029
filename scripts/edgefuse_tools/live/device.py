"""`edgefuse serve` with sources and sinks, in a process of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parents[3]

# Longer than any start, stop or result takes: beyond it the check has failed.
PATIENCE_S = 120

# A source of records that the check writes: one line of a manifest each, answered within milliseconds by the made student.
LINES = "  lines: {manifest: '-', pipeline: [fuse]}\n"


class Device:
    """A device file in a folder, and the process that serves it."""

    def __init__(self, binary: str, sinks: str, *, sources: str = LINES, more: str = "") -> None:
        """`sources` and `sinks` are the lines of these sections; `{folder}` in them is the device's folder."""
        self.folder = Path(tempfile.mkdtemp(prefix="edgefuse-live-"))
        self.file = self.folder / "device.yaml"
        text = (
            f"device: bench\nextends: {ROOT}/tests/fixtures/tiny/device.yaml\n{more}"
            f"server: {{http: {{listen: '127.0.0.1:0'}}, drain: 10s}}\nsources:\n{sources}sinks:\n{sinks}"
        )
        self.file.write_text(text.replace("{folder}", str(self.folder)))
        self.binary = binary
        self.log = self.folder / "stderr.txt"
        self.next = 0
        self.start()

    def start(self) -> None:
        """Starts the process, and waits until it listens."""
        environment = {"ORT_DYLIB_PATH": str(ROOT / "lib/libonnxruntime.so"), **os.environ}
        command = [self.binary, "--config", str(self.file), "serve"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=log, cwd=ROOT, env=environment)
        self.wait("the server listens", lambda: "listening on" in self.said())
        found = re.search(r"http://(127\.0\.0\.1:\d+)", self.said())
        assert found is not None
        self.url = f"http://{found[1]}"

    def wait(self, what: str, found: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
        """Waits until something is so."""
        until = time.monotonic() + patience_s
        while not found():
            assert self.process.poll() is None, f"the process ended: {self.said()}"
            assert time.monotonic() < until, f"{what}: not within {patience_s} s: {self.said()}"
            time.sleep(0.05)

    def feed(self, count: int, per_second: float = 0.0) -> None:
        """Gives the source `lines` so many records, at this rate."""
        assert self.process.stdin is not None
        began = time.monotonic()
        for index in range(count):
            if per_second:
                time.sleep(max(0.0, began + index / per_second - time.monotonic()))
            record = {"id": f"r-{self.next}", "text": "what is it?"}
            self.process.stdin.write(json.dumps(record).encode() + b"\n")
            self.process.stdin.flush()
            self.next += 1

    def metric(self, name: str, sink: str) -> float:
        """The value of a sink's metric; `sink` is how its name begins."""
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=PATIENCE_S) as answer:
            text: str = answer.read().decode()
        found = re.search(rf'^edgefuse_{name}\{{sink="{re.escape(sink)}[^"]*"\}} (\S+)$', text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def said(self) -> str:
        """What it wrote on standard error so far."""
        return self.log.read_text(errors="replace")

    def stop(self) -> str:
        """Ends it in order; what it said."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE_S)
        assert code == 0 and "panicked" not in self.said(), (code, self.said())
        return self.said()

    def kill(self) -> None:
        """Ends it as a loss of power would, except that the system lives on."""
        self.process.kill()
        self.process.wait()

    def __enter__(self) -> Device:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.kill()
        if error is None:
            subprocess.run(["rm", "-r", self.folder], check=True)
        else:
            print(f"what it said is in {self.log}")


def times(text: str, part: str) -> int:
    """How many lines of `text` contain `part`."""
    return sum(part in line for line in text.splitlines())
