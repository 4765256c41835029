"""A server in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

ROOT = Path(__file__).resolve().parents[3]

# Longer than any start, stop or answer takes: beyond it the check has failed.
PATIENCE_S = 180


class Server:
    """Serves the models of a device file on free ports."""

    def __init__(self, binary: str, config: str, *, requests: str = "", http: str = "") -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="edgefuse-serve-")
        device = Path(self.folder.name) / "device.yaml"
        limits = f", {http}" if http else ""
        device.write_text(
            f"device: test\nextends: {ROOT / config}\nruntime: {{{requests}}}\n"
            f"server: {{http: {{listen: '127.0.0.1:0'{limits}}}, wyoming: {{listen: '127.0.0.1:0'}}}}\n"
        )
        self.command = [binary, "--config", str(device)]
        # The device file's folder has no library, and the repository's is not looked for from there.
        self.environment = {"ORT_DYLIB_PATH": str(ROOT / "lib/libonnxruntime.so"), **os.environ}
        self.process = subprocess.Popen(
            [*self.command, "serve"], stderr=subprocess.PIPE, text=True, cwd=ROOT, env=self.environment
        )
        assert self.process.stderr is not None
        self.stderr = self.process.stderr
        line = self.stderr.readline()
        found = re.fullmatch(r"listening on http://127\.0\.0\.1:(\d+) and tcp://127\.0\.0\.1:(\d+) \(wyoming\)\n", line)
        if found is None:
            self.process.kill()
            raise SystemExit(f"the server did not start: {line}{self.stderr.read()}")
        self.port, self.wyoming_port = int(found[1]), int(found[2])
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        self.folder.cleanup()

    def printed(self, *arguments: str) -> str:
        """What the command line prints with the same device file: the answer to expect."""
        command = [*self.command, "--quiet", *arguments]
        run = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT, env=self.environment)
        return run.stdout

    def stop(self) -> tuple[int, str]:
        """Sends SIGTERM; the exit code, and what the server said."""
        self.process.send_signal(signal.SIGTERM)
        said = self.stderr.read()
        return self.process.wait(PATIENCE_S), said

    def resident_bytes(self) -> int:
        """Resident memory now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
        assert found is not None, status
        return int(found[1]) * 1024
