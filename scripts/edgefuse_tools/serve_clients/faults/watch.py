"""Memory and open files of a server between two moments."""

from __future__ import annotations

import time
from typing import Any

from edgefuse_tools.serve_clients.server import Server

#: Connections that clients have left are closed within this time.
SETTLE_S = 30.0
_LOOK_S = 0.05


class Watch:
    """Compares the end with the beginning, and keeps the highest sample in between."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._files = server.open_files()
        self.first = self.peak = server.resident_bytes()

    def look(self) -> None:
        """Samples the memory."""
        self.peak = max(self.peak, self._server.resident_bytes())

    def settle(self, files: int) -> int:
        """Waits until the server has no more than `files` open; how many it has then."""
        deadline = time.monotonic() + SETTLE_S
        while (found := self._server.open_files()) > files and time.monotonic() < deadline:
            time.sleep(_LOOK_S)
        return found

    def end(self) -> dict[str, Any]:
        """Growth of the resident memory in percent, and open files that are left over."""
        assert self._server.process.poll() is None, self._server.said()[-2000:]
        assert "panicked" not in self._server.said(), self._server.said()[-2000:]
        files = self.settle(self._files)
        last = self._server.resident_bytes()
        growth = 100 * (last / self.first - 1)
        text = (
            f"memory {self.first / 1e6:.0f} MB after the first tenth, {last / 1e6:.0f} MB at the end ({growth:+.1f} %)"
        )
        return {
            "first_bytes": self.first,
            "last_bytes": last,
            "growth_percent": round(growth, 2),
            "open_files_more": files - self._files,
            "text": text,
        }
