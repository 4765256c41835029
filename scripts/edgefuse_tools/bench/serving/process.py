"""A server in a process of its own: start, readiness, memory, end."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from edgefuse_tools.bench.errors import BenchError
from edgefuse_tools.bench.process import last_line

START_LIMIT_S = 120.0
STOP_LIMIT_S = 30.0
_LOOK_S = 0.02


def free_port() -> int:
    """A port of this machine that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ServerProcess:
    """A running server. A context manager: the process ends with the block."""

    def __init__(self, command: Sequence[str], port: int, environment: Mapping[str, str], cwd: Path) -> None:
        self.port = port
        self._output = tempfile.TemporaryFile()  # noqa: SIM115  closed in __exit__
        self._process = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
            start_new_session=True,
        )
        self._wait_until_it_listens(command[0])

    def _wait_until_it_listens(self, name: str) -> None:
        deadline = time.monotonic() + START_LIMIT_S
        while True:
            if self._process.poll() is not None:
                raise BenchError(f"{Path(name).name}: the server ended: {last_line(self.said())}")
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1.0).close()
                return
            except OSError:
                if time.monotonic() > deadline:
                    self._kill()
                    raise BenchError(f"{name}: does not listen after {START_LIMIT_S:.0f} s") from None
                time.sleep(_LOOK_S)

    def __enter__(self) -> ServerProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._kill()
        self._output.close()

    def _kill(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def said(self) -> str:
        """What the server wrote so far."""
        self._output.seek(0)
        return self._output.read().decode("utf-8", errors="replace")

    def peak_bytes(self) -> int:
        """Peak resident memory of the process and its children, each by itself."""
        return sum(_memory(process, "VmHWM") for process in self._tree())

    def processor_seconds(self) -> float:
        """Processor time of the process and its children."""
        ticks = 0
        for process in self._tree():
            fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def _tree(self) -> list[int]:
        found = [self._process.pid]
        for process in found:
            for task in Path(f"/proc/{process}/task").glob("*/children"):
                found += [int(child) for child in task.read_text().split()]
        return found


def _memory(process: int, key: str) -> int:
    """A line of /proc/PID/status, in bytes."""
    found = re.search(rf"^{key}:\s+(\d+) kB$", Path(f"/proc/{process}/status").read_text(), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0
