"""Hostile requests: large numbers of damaged HTTP, Wyoming and WebSocket messages."""

from __future__ import annotations

import random
import socket
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from edgefuse_tools.serve_clients.faults import messages, mutation, wire
from edgefuse_tools.serve_clients.faults.watch import Watch
from edgefuse_tools.serve_clients.faults.witness import Witness
from edgefuse_tools.serve_clients.server import Server

WORKERS = 4
PARTS = 10
"""Number of parts of an attack; the memory is sampled after each."""
SECONDS = 0.1
"""Length of the recordings in the messages."""
#: How connections end: the client reads the answer, leaves at once, or says in pieces what it has to say.
READ, LEAVE, PIECES = "read", "leave", "pieces"
#: What a server may answer: nothing at all (0), or that the request or the moment is a bad one.
SERVER_ERRORS = {500, 501, 502}
HANG = -1


def attack(server: Server, count: int, seed: int) -> dict[str, object]:
    """Sends `count` damaged messages over `WORKERS` connections at a time, and watches another client's answers."""
    statuses: Counter[int] = Counter()
    memory: list[int] = []
    watch = None
    with Witness(server) as witness, ProcessPoolExecutor(WORKERS) as pool:
        send = partial(_worker, (server.port, server.wyoming_port), count // PARTS // WORKERS + 1)
        for part in range(PARTS):
            first = seed + part * WORKERS
            statuses += sum(pool.map(send, range(first, first + WORKERS)), Counter())
            watch = watch or Watch(server)
            memory.append(server.resident_bytes())
    assert watch is not None
    assert not statuses[HANG], f"{statuses[HANG]} connections hang: {statuses}"
    assert not SERVER_ERRORS & statuses.keys(), f"{statuses}: {server.said()[-2000:]}"
    found = watch.end()
    answered = {str(status): number for status, number in sorted(statuses.items()) if status}
    return {
        "requests": sum(statuses.values()),
        "statuses": answered,
        "memory_bytes": memory,
        "others_answers": witness.answers,
        "others_refused": witness.refused,
        **found,
        "result": f"{sum(statuses.values())} damaged messages over HTTP, Wyoming and WebSocket: no panic, no hang, no "
        f"status 500; all {witness.answers} answers to another client unchanged; {found['text']}",
    }


def _worker(ports: tuple[int, int], count: int, seed: int) -> Counter[int]:
    """Sends messages from an address of its own; the number of answers by status."""
    generator = random.Random(seed)
    http, wyoming = ports
    seeds: tuple[tuple[int, Sequence[bytes], float], ...] = (
        (http, list(messages.http(SECONDS).values()), 0.6),
        (wyoming, messages.wyoming(SECONDS), 0.3),
        (http, messages.websocket(), 0.1),
    )
    source = f"127.0.0.{2 + seed % 200}"
    statuses: Counter[int] = Counter()
    for _ in range(count):
        port, known, _ = generator.choices(seeds, [weight for *_, weight in seeds])[0]
        message = mutation.damaged(generator, known)
        statuses[_send(port, source, message, generator)] += 1
    return statuses


def _send(port: int, source: str, message: bytes, generator: random.Random) -> int:
    """Sends one message; the status of the answer, 0 for none, `HANG` if the connection does not end."""
    way = generator.choices((READ, LEAVE, PIECES), (0.8, 0.15, 0.05))[0]
    try:
        with wire.connect(port, source) as connection:
            wire.reset_on_close(connection)
            if way == PIECES:
                at = generator.randrange(len(message) + 1)
                connection.sendall(message[:at])
                connection.sendall(message[at:])
            else:
                connection.sendall(message)
            if way == LEAVE:
                return 0
            connection.shutdown(socket.SHUT_WR)
            return messages.status(wire.read_all(connection))
    except TimeoutError:
        return HANG
    except OSError:
        # The server has refused and closed the connection before it was told everything.
        return 0
