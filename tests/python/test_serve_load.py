"""The load of `bench.py serve`, and the messages of scripts/test_serve_faults.sh."""

from __future__ import annotations

import asyncio
import math
import random

import pytest

from edgefuse_tools.bench.serving import load, payloads, report
from edgefuse_tools.serve_clients.faults import messages, mutation

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
REFUSAL = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"


def test_percentiles_are_nearest_rank() -> None:
    values = [float(it) for it in range(1, 101)]
    assert [load.percentile(values, it) for it in (50, 95, 99, 100)] == [50.0, 95.0, 99.0, 100.0]
    assert load.percentile([3.0], 1) == 3.0
    assert math.isnan(load.percentile([], 50))


def test_a_load_counts_answers_and_refusals() -> None:
    asked = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        await reader.readuntil(b"\r\n\r\n")
        asked += 1
        writer.write(ANSWER if asked % 2 else REFUSAL)
        writer.close()

    async def measured() -> load.Load:
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            return await load.closed_loop(port, [load.request("/", "text/plain", b"")], 3, 1.0)

    found = asyncio.run(measured())
    assert set(found.statuses) == {200, 503}
    assert found.statuses[200] == len(found.latencies) and found.statuses[503] == len(found.refused)
    assert set(found.bodies) == {b"ok"}
    assert found.per_second == len(found.latencies) / 1.0


def test_a_server_that_is_not_there_is_a_broken_connection() -> None:
    found = asyncio.run(load.closed_loop(1, [b"x"], 1, 0.5))
    assert set(found.statuses) == {0} and not found.latencies


def test_clips_have_one_length() -> None:
    sizes = {len(clip) for clip in payloads.clips()}
    assert sizes == {44 + payloads.CLIP_S * 16_000 * 2}


@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_are_read_with_and_without_chunks(chunked: bool) -> None:
    head = b"HTTP/1.1 200 OK\r\n"
    answer = (
        head + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n" if chunked else head + b"\r\nabc"
    )
    assert messages.body(answer) == (200, b"abc")
    assert messages.status(b"") == 0 and messages.status(b"nonsense") == 0


def test_answers_are_compared_without_ids_and_times() -> None:
    answer = b'{"id": "chatcmpl-1", "created": 5, "choices": [{"text": "a", "ms": 3.5}]}'
    other = b'{"id": "chatcmpl-2", "created": 6, "choices": [{"text": "a", "ms": 4.5}]}'
    assert messages.normal("caption", answer) == messages.normal("caption", other)
    assert messages.normal("caption", answer) != messages.normal("caption", answer.replace(b'"a"', b'"b"'))


def test_damage_is_repeatable_and_mostly_done() -> None:
    seeds = [*messages.http(0.1).values(), *messages.wyoming(0.1), *messages.websocket()]
    first, again = random.Random(5), random.Random(5)
    made = [mutation.damaged(first, seeds) for _ in range(500)]
    assert made == [mutation.damaged(again, seeds) for _ in range(500)]
    assert sum(message in seeds for message in made) < 200


def test_the_page_compares_with_the_best_peer() -> None:
    figures = {"per_second": 4.0, "p50_ms": 1.0, "p95_ms": 2.0, "p99_ms": None, "peak_bytes": 2_000_000, "refused": 3}
    section = {"clients": [4], "engines": {"edgefuse": {"4": figures}}, "goals": {"requests_ratio": 2.5}}
    assert "| edgefuse | 4 | 4.0 | 1 ms | 2 ms | – | 2 MB | 3 |" in report.table(section)
    assert report.goals(section) == "At 4 clients edgefuse answers 2.5 times the requests of the best peer that ran."
