"""A well-behaved client beside the others: its answers must not change."""

from __future__ import annotations

import threading
from types import TracebackType

from edgefuse_tools.serve_clients.faults import messages, wire
from edgefuse_tools.serve_clients.server import Server

BUSY = 503
PAUSE_S = 0.05
ASKED = ("transcript", "caption", "fuse", "models")


def ask(server: Server, name: str, message: bytes) -> tuple[int, object]:
    """Status and comparable body of the answer."""
    status, body = messages.body(wire.exchange(server.port, message))
    return status, messages.normal(name, body) if status == 200 else body


class Witness:
    """Asks the same questions in turn on a thread of its own; a context manager.

    answers   number of answers that were the same as the first
    refused   number of refusals, which are allowed
    wrong     the first answer that was neither
    """

    def __init__(self, server: Server, seconds: float = 0.5) -> None:
        self.answers = self.refused = 0
        self.wrong: str | None = None
        self._server = server
        every = messages.http(seconds)
        self._messages = {name: every[name] for name in ASKED}
        self._expected = {name: ask(server, name, message) for name, message in self._messages.items()}
        for name, (status, body) in self._expected.items():
            assert status == 200, (name, status, body)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Witness:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        if kind is None:
            assert self.wrong is None, self.wrong

    def _run(self) -> None:
        while not self._stop.wait(PAUSE_S):
            for name, message in self._messages.items():
                try:
                    found = ask(self._server, name, message)
                except OSError as error:
                    found = 0, str(error)
                if found == self._expected[name]:
                    self.answers += 1
                elif found[0] == BUSY:
                    self.refused += 1
                else:
                    self.wrong = self.wrong or f"{name}: {found} instead of {self._expected[name]}"[:1000]
