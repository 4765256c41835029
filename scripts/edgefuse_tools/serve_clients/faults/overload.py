"""More requests than the service can answer, for minutes."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

from edgefuse_tools.bench.serving.load import BUSY, OK, closed_loop, exchange, percentile
from edgefuse_tools.serve_clients.faults import messages, wire
from edgefuse_tools.serve_clients.faults.watch import Watch
from edgefuse_tools.serve_clients.server import Server

AT_ONCE, WAITING = 2, 16
RUNTIME = f"requests: {{at_once: {AT_ONCE}, waiting: {WAITING}}}"
TIMES = 10
"""Requests per second, in capacities."""
CAPACITY_S = 5.0
CLIP_S = 3.0
LOOK_S = 0.5


def overload(server: Server, seconds: float) -> dict[str, Any]:
    """Sends requests at ten times the rate that the service can answer, whether it answers or not."""
    message = messages.transcription(CLIP_S, language="en")
    _, expected = messages.body(wire.exchange(server.port, message))
    capacity = asyncio.run(closed_loop(server.port, [message], AT_ONCE, min(CAPACITY_S, seconds))).per_second
    begun = time.perf_counter()
    accepted, refused, statuses, watch = asyncio.run(_open_loop(server, message, expected, TIMES * capacity, seconds))
    elapsed = time.perf_counter() - begun
    other = {status: number for status, number in statuses.items() if status not in (OK, BUSY)}
    assert not other, f"neither answered nor refused: {other}"
    assert accepted and refused, f"{len(accepted)} accepted, {len(refused)} refused"
    found = watch.end()
    p95 = 1000 * percentile(accepted, 95)
    bound = 1000 * (AT_ONCE + WAITING) / (len(accepted) / elapsed)
    rejected = {f"p{it}": round(1000 * percentile(refused, it), 1) for it in (50, 95, 99, 100)}
    return {
        "seconds": seconds,
        "capacity_per_second": round(capacity, 2),
        "sent_per_second": round((len(accepted) + len(refused)) / seconds, 1),
        "accepted": len(accepted),
        "refused": len(refused),
        "accepted_p95_ms": round(p95),
        "bound_ms": round(bound),
        "refused_ms": rejected,
        **found,
        "result": f"{seconds:.0f} s at {TIMES} times the capacity of {capacity:.1f} requests/s (clips of {CLIP_S:.0f} s, "
        f"tiny.en): all {len(accepted)} accepted requests answered, p95 {p95:.0f} ms (queue length times service time: "
        f"{bound:.0f} ms); {len(refused)} refused within {rejected['p50']} ms (p50), {rejected['p99']} ms (p99), "
        f"{rejected['p100']} ms (all); {found['text']}",
    }


async def _open_loop(
    server: Server, message: bytes, expected: bytes, rate: float, seconds: float
) -> tuple[list[float], list[float], Counter[int], Watch]:
    """Seconds of accepted and of refused requests, and statuses; answers that differ count as status -1."""
    accepted: list[float] = []
    refused: list[float] = []
    statuses: Counter[int] = Counter()

    async def one() -> None:
        sent = time.perf_counter()
        status, body = await exchange(server.port, message)
        took = time.perf_counter() - sent
        if status == OK:
            accepted.append(took)
            statuses[OK if body == expected else -1] += 1
        else:
            refused.append(took)
            statuses[status] += 1

    begun = time.perf_counter()
    tasks: set[asyncio.Task[None]] = set()
    watch, looked, sent = None, begun, 0
    while (now := time.perf_counter()) < begun + seconds:
        if watch is None and now > begun + seconds / 10:
            watch = Watch(server)
        if watch is not None and now > looked + LOOK_S:
            watch.look()
            looked = now
        while sent < (now - begun) * rate:
            task = asyncio.ensure_future(one())
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            sent += 1
        await asyncio.sleep(0.2 / rate)
    await asyncio.gather(*tasks)
    return accepted, refused, statuses, watch or Watch(server)
