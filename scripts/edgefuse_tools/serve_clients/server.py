"""A server in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parents[3]

# Longer than any start, stop or answer takes: beyond it the check has failed.
PATIENCE_S = 180

_LISTENS = re.compile(r"listening on http://127\.0\.0\.1:(\d+) and tcp://127\.0\.0\.1:(\d+) \(wyoming\)\n")
_LOOK_S = 0.002


class Server:
    """Serves the models of a device file on free ports."""

    def __init__(
        self, binary: str, config: str, *, runtime: str = "", http: str = "", wyoming: str = "", port: int = 0
    ) -> None:
        """`runtime`, `http` and `wyoming` are lines of these sections of the device file."""
        self.folder = tempfile.TemporaryDirectory(prefix="edgefuse-serve-")
        device = Path(self.folder.name) / "device.yaml"
        sections = {"http": (port, http), "wyoming": (0, wyoming)}
        listed = (f"{name}: {{listen: '127.0.0.1:{at}', {lines}}}" for name, (at, lines) in sections.items())
        device.write_text(
            f"device: test\nextends: {ROOT / config}\nruntime: {{{runtime}}}\nserver: {{{', '.join(listed)}}}\n"
        )
        self.command = [binary, "--config", str(device)]
        # The device file's folder has no library, and the repository's is not looked for from there.
        self.environment = {"ORT_DYLIB_PATH": str(ROOT / "lib/libonnxruntime.so"), **os.environ}
        # A file, because a pipe that nobody reads would stop the server once it is full.
        self.log = Path(self.folder.name) / "stderr.txt"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([*self.command, "serve"], stderr=log, cwd=ROOT, env=self.environment)
        self.port, self.wyoming_port = self._ports()
        self.url = f"http://127.0.0.1:{self.port}"

    def _ports(self) -> tuple[int, int]:
        """Waits until it listens."""
        while True:
            ended = self.process.poll() is not None
            found = _LISTENS.match(self.said())
            if found is not None:
                return int(found[1]), int(found[2])
            if ended:
                raise SystemExit(f"the server did not start: {self.said()}")
            time.sleep(_LOOK_S)

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()

    def said(self) -> str:
        """What it wrote on standard error so far."""
        return self.log.read_text(errors="replace")

    def printed(self, *arguments: str) -> str:
        """What the command line prints with the same device file: the answer to expect."""
        command = [*self.command, "--quiet", *arguments]
        run = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, env=self.environment)
        return run.stdout

    def stop(self) -> tuple[int, str]:
        """Sends SIGTERM; the exit code, and what the server said."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE_S)
        return code, self.said()

    def open_files(self) -> int:
        """File descriptors that it has open: connections and files."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def resident_bytes(self) -> int:
        """Resident memory now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
        assert found is not None, status
        return int(found[1]) * 1024
