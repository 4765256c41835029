"""Debian's Mosquitto as a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

from edgefuse_tools import debian
from edgefuse_tools.live.certificates import Authority

_PATIENCE_S = 30


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class Broker:
    """A broker on a port that stays the same when it is stopped and started. It keeps the sessions of its subscribers.

    With an authority, it also listens on `tls_port`, for clients with a certificate.
    """

    def __init__(self, passwords: dict[str, str] | None = None, tls: Authority | None = None) -> None:
        program = debian.program("mosquitto")
        self.folder = tempfile.TemporaryDirectory(prefix="edgefuse-broker-")
        self.port = free_port()
        lines = [
            f"listener {self.port} 127.0.0.1",
            "persistence true",
            f"persistence_location {self.folder.name}/",
            "max_queued_messages 0",
            "user root" if os.geteuid() == 0 else "",
        ]
        if passwords is None:
            lines.append("allow_anonymous true")
        else:
            file = Path(self.folder.name) / "passwords"
            file.touch(0o600)
            for user, password in passwords.items():
                subprocess.run(
                    ["mosquitto_passwd", "-b", file, user, password], check=True, env={"PATH": debian.SEARCHED}
                )
            lines += ["allow_anonymous false", f"password_file {file}"]
        self.tls_port = free_port()
        if tls is not None:
            lines += [
                f"listener {self.tls_port} 127.0.0.1",
                f"cafile {tls['ca.pem']}",
                f"certfile {tls['server.pem']}",
                f"keyfile {tls['server.key']}",
                "require_certificate true",
            ]
        self.config = Path(self.folder.name) / "mosquitto.conf"
        self.config.write_text("\n".join(lines) + "\n")
        self.program = program
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Starts it, and waits until it listens."""
        log = Path(self.folder.name) / "log.txt"
        with log.open("ab") as output:
            self.process = subprocess.Popen([self.program, "-c", self.config], stdout=output, stderr=output)
        until = time.monotonic() + _PATIENCE_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > until:
                    raise SystemExit(f"Mosquitto does not start: {log.read_text(errors='replace')}") from None
                time.sleep(0.05)

    def stop(self) -> None:
        """Ends it in order, so that it saves the sessions."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(_PATIENCE_S)
            self.process = None

    def __enter__(self) -> Broker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        self.folder.cleanup()
