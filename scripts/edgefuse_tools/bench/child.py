"""The other end of `bench.worker`: starts an engine's process, sends it requests, and ends it."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from edgefuse_tools.bench.errors import BenchError
from edgefuse_tools.bench.process import last_line

LOAD_LIMIT = 180.0  # seconds
TRANSCRIBE_LIMIT = 600.0  # seconds


class Child:
    """A running `bench.worker`. A context manager: the process ends with the block."""

    def __init__(self, engine: str, environment: Mapping[str, str], scripts: Path) -> None:
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115  closed in __exit__
        self._buffer = b""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "edgefuse_tools.bench.worker", engine],
            cwd=scripts,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            start_new_session=True,  # its own process group, so that the engine's children end with it
        )

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.close()
            self._process.wait(10 if kind is None else 0)
        except (subprocess.TimeoutExpired, OSError):
            self._kill()
        self._process.stdout.close()
        self._complaints.close()

    def load(self, options: dict[str, Any]) -> float:
        """Loads the engine; returns the seconds that it took."""
        return float(self._ask({"do": "load", "options": options}, LOAD_LIMIT)["seconds"])

    def transcribe(self, audio: Path) -> dict[str, Any]:
        """Returns text, seconds of the call alone, and peak_bytes of the process so far."""
        return self._ask({"do": "transcribe", "audio": str(audio)}, TRANSCRIBE_LIMIT)

    def run(self) -> dict[str, Any]:
        """As `transcribe`, for an engine whose options define the work."""
        return self._ask({"do": "run"}, TRANSCRIBE_LIMIT)

    def _ask(self, request: dict[str, Any], limit: float) -> dict[str, Any]:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
            line = self._line(limit)
        except BrokenPipeError:
            line = b""
        if not line:
            raise BenchError(f"the process ended: {self._last_complaint()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise BenchError(answer["error"])
        return answer

    def _line(self, limit: float) -> bytes:
        """The next line of the answers; empty at the end."""
        assert self._process.stdout is not None
        deadline = time.monotonic() + limit
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                self._kill()
                raise BenchError(f"no answer after {limit:.0f} s")
            part = os.read(self._process.stdout.fileno(), 1 << 16)
            if not part:
                self._process.wait()
                return b""
            self._buffer += part
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line

    def _kill(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _last_complaint(self) -> str:
        code = self._process.poll()
        self._complaints.seek(0)
        return f"exit code {code}: {last_line(self._complaints.read().decode('utf-8', errors='replace'))}"[:500]
