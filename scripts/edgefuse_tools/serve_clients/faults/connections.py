"""Clients that keep connections: slow ones, half-closed ones, and thousands that are idle."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import time
from collections import Counter
from collections.abc import Iterator

from edgefuse_tools.serve_clients.faults import messages, wire
from edgefuse_tools.serve_clients.faults.watch import Watch
from edgefuse_tools.serve_clients.faults.witness import Witness
from edgefuse_tools.serve_clients.server import Server

HEADER_S, STALL_S, BODY_S = 3, 2, 4
#: Lines of `server.http` for these checks: short times, so that they end soon.
LIMITS = f"limits: {{header_time: {HEADER_S}s, stall: {STALL_S}s, body_time: {BODY_S}s}}"
CONNECTIONS = 256
"""The default of `server.http.limits.connections`."""
DRIP_S = 0.3
SPARE_FILES = 200
TOO_MANY = b"HTTP/1.1 503 "


def slow(server: Server, clients: int) -> dict[str, object]:
    """Clients that send a byte of a header or of a body now and then, for ever: each is cut off in time."""
    head = b"POST /v1/run HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    headers = [head + b"x: " for _ in range(clients // 2)]
    bodies = [head + b"content-length: 1000\r\n\r\n" for _ in range(clients - len(headers))]
    watch = Watch(server)
    with Witness(server) as witness:
        lasted = asyncio.run(_drip(server.port, [*headers, *bodies]))
    longest = max(HEADER_S, BODY_S) + 2 * DRIP_S + 5
    assert max(lasted) < longest, f"a slow client had {max(lasted):.1f} s"
    assert witness.answers, "nobody else was answered"
    text = f"{clients} clients that send a byte every {DRIP_S} s: cut off after {max(lasted):.1f} s at most; "
    return {
        "lasted_s": max(lasted),
        **watch.end(),
        "result": text + f"{witness.answers} answers to another client unchanged",
    }


async def _drip(port: int, starts: list[bytes]) -> list[float]:
    """Seconds until the server ended each connection."""

    async def client(start: bytes) -> float:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        begun = time.monotonic()
        writer.write(start)
        ended = asyncio.ensure_future(reader.read(-1))
        while not ended.done() and time.monotonic() - begun < wire.PATIENCE_S:
            with contextlib.suppress(ConnectionError):
                writer.write(b"x")
                await writer.drain()
            await asyncio.wait([ended], timeout=DRIP_S)
        ended.cancel()
        writer.close()
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await ended
        return time.monotonic() - begun

    return list(await asyncio.gather(*(client(start) for start in starts)))


def half_closed(server: Server, count: int) -> dict[str, object]:
    """Sockets of which one half is closed: before a request, in the middle of one, after one, and the reading half."""
    whole = messages.http(0.3)
    watch = Watch(server)
    statuses: Counter[str] = Counter()
    with Witness(server) as witness:
        for number in range(count):
            message = list(whole.values())[number % len(whole)]
            for name, part, half in (
                ("before", b"", socket.SHUT_WR),
                ("within", message[: len(message) // 2], socket.SHUT_WR),
                ("after", message, socket.SHUT_WR),
                ("not reading", message, socket.SHUT_RD),
            ):
                with wire.connect(server.port) as connection, contextlib.suppress(ConnectionError):
                    connection.sendall(part)
                    connection.shutdown(half)
                    statuses[f"{name}: {messages.status(wire.read_all(connection)) or 'none'}"] += 1
    found = watch.end()
    assert not found["open_files_more"], found
    text = f"{4 * count} half-closed sockets: none is left over, no hang"
    return {"answers": dict(sorted(statuses.items())), "others_answers": witness.answers, **found, "result": text}


def beyond_limit(server: Server, count: int) -> dict[str, object]:
    """More idle connections than `connections` allows: those beyond get a 503 at once and are closed."""
    watch = Watch(server)
    with many_files(count), contextlib.ExitStack() as stack:
        idle = [stack.enter_context(wire.connect(server.port, f"127.0.1.{1 + it % 100}")) for it in range(count)]
        refused = 0
        for connection in idle[CONNECTIONS:]:
            refused += wire.read_all(connection).startswith(TOO_MANY)
        held = server.open_files()
    assert refused == count - CONNECTIONS, f"{refused} of {count - CONNECTIONS} were refused"
    found = watch.end()
    text = f"{count} idle connections, {CONNECTIONS} of which are allowed: the others got 503 at once; {found['text']}"
    return {"refused": refused, "open_files": held, **found, "result": text}


def idle(server: Server, count: int) -> dict[str, object]:
    """As many idle connections as a service that allows them has: others are answered, and all are closed in time."""
    watch = Watch(server)
    with many_files(count), Witness(server) as witness, contextlib.ExitStack() as stack:
        begun = time.monotonic()
        held = [stack.enter_context(wire.connect(server.port, f"127.0.1.{1 + it % 100}")) for it in range(count)]
        watch.look()
        connected = time.monotonic() - begun
        open_files = server.open_files()
        for connection in held:
            wire.read_all(connection)
        closed = time.monotonic() - begun
    peak = watch.peak
    found = watch.end()
    assert witness.answers, "nobody else was answered"
    text = f"{count} idle connections at a service that allows them: {(peak - watch.first) / count / 1000:.1f} kB each"
    text += f", all closed by the server; {witness.answers} answers to another client unchanged"
    figures = {"connected_s": connected, "closed_s": closed, "open_files": open_files, "peak_bytes": peak}
    return {**figures, **found, "result": text}


@contextlib.contextmanager
def many_files(count: int) -> Iterator[None]:
    """Allows this process so many sockets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, count + SPARE_FILES)), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
