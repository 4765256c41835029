"""Thousands of mixed requests, first one by one, then two at a time: memory must not grow."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from edgefuse_tools.serve_clients.faults import messages, wire
from edgefuse_tools.serve_clients.faults.watch import Watch
from edgefuse_tools.serve_clients.faults.witness import ask
from edgefuse_tools.serve_clients.server import Server

CLIENTS = 2
LENGTHS_S = (0.8, 3.0)


def soak(server: Server, count: int) -> dict[str, Any]:
    """Sends every kind of request in turn, `count` in all; each answer must be the same as its first."""
    asked = [(name, message) for seconds in LENGTHS_S for name, message in messages.http(seconds).items()]
    utterances = [messages.utterance(seconds) for seconds in LENGTHS_S]
    expected: dict[int, object] = {}

    def one(turn: int) -> None:
        kind = turn % (len(asked) + len(utterances))
        if kind < len(asked):
            name, message = asked[kind]
            status, found = ask(server, name, message)
            assert status == 200, (name, status, found)
        else:
            name, found = "wyoming", _spoken(server, utterances[kind - len(asked)])
        assert expected.setdefault(kind, found) == found, f"{name}: {found!r} instead of {expected[kind]!r}"[:1000]

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(one, range(count // 10)))
        watch = Watch(server)
        for _ in pool.map(one, range(count // 10, count)):
            watch.look()
    found = watch.end()
    text = f"{count} requests of {len(asked) + len(utterances)} kinds, {CLIENTS} at a time: every answer as the first of its "
    return {"requests": count, "peak_bytes": watch.peak, **found, "result": f"{text}kind; {found['text']}"}


def _spoken(server: Server, utterance: bytes) -> bytes:
    """What Wyoming answers to an utterance."""
    with wire.connect(server.wyoming_port) as connection:
        connection.sendall(utterance)
        answer = bytearray()
        while b'"transcript-stop"' not in answer:
            block = connection.recv(1 << 16)
            assert block, f"the connection ended: {bytes(answer)!r}"
            answer += block
        return bytes(answer)
