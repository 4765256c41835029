"""Kills the service under load, and starts it again."""

from __future__ import annotations

import json
import os
import random
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from edgefuse_tools.bench.serving.load import percentile
from edgefuse_tools.bench.serving.process import free_port
from edgefuse_tools.serve_clients.faults import messages, wire
from edgefuse_tools.serve_clients.faults.witness import ask
from edgefuse_tools.serve_clients.server import Server

CLIENTS = 4
LONGEST_S = 0.4
"""The service is killed at a random moment of this time after its first answer."""
ASKED = ("transcript", "caption")
#: With a budget, the service records what its models cost.
RUNTIME = "memory_budget: 4GiB"


def kills(binary: str, config: str, count: int, seed: int) -> dict[str, object]:
    """Kills the service `count` times with SIGKILL while clients are answered; each restart must answer as before."""
    generator = random.Random(seed)
    every = messages.http(1.0)
    port, listening, answering, torn = free_port(), [], [], 0
    expected: dict[str, tuple[int, object]] = {}
    with tempfile.TemporaryDirectory(prefix="edgefuse-cache-") as cache:
        os.environ["EDGEFUSE_CACHE"] = cache
        try:
            for _ in range(count):
                begun = time.perf_counter()
                with Server(binary, config, runtime=RUNTIME, port=port) as server:
                    listening.append(time.perf_counter() - begun)
                    for name in ASKED:
                        found = ask(server, name, every[name])
                        assert found[0] == 200, found
                        assert expected.setdefault(name, found) == found, (name, found, expected[name])
                        if name == ASKED[0]:
                            answering.append(time.perf_counter() - begun)
                    torn += _killed_under_load(server, list(every.values()), generator.uniform(0, LONGEST_S))
                    assert "panicked" not in server.said(), server.said()
                records = _records(Path(cache))
        finally:
            del os.environ["EDGEFUSE_CACHE"]
    text = f"{count} kills under load ({torn} amid an answer): each restart listened again after "
    text += f"{max(listening):.2f} s and had answered after {max(answering):.2f} s at most, with the same answers; "
    return {
        "kills": count,
        "amid_answers": torn,
        "listening_s": {"p50": percentile(listening, 50), "max": max(listening)},
        "answering_s": {"p50": percentile(answering, 50), "max": max(answering)},
        "records": records,
        "result": text + f"{records} recorded files, all whole",
    }


def _killed_under_load(server: Server, every: list[bytes], after: float) -> bool:
    """Kills the server while clients ask; whether one of them was left without its answer."""
    cut = threading.Event()

    def client(number: int) -> None:
        turn = number
        while server.process.returncode is None:
            try:
                answer = wire.exchange(server.port, every[turn % len(every)])
            except OSError:
                return
            turn += 1
            if not messages.status(answer):
                cut.set()

    work: list[Callable[[], None]] = [lambda number=number: client(number) for number in range(CLIENTS)]  # type: ignore[misc]
    threads = [threading.Thread(target=one) for one in work]
    for thread in threads:
        thread.start()
    time.sleep(after)
    server.process.kill()
    server.process.wait()
    for thread in threads:
        thread.join()
    return cut.is_set()


def _records(cache: Path) -> int:
    """The number of recorded files; each must be whole."""
    found = list(cache.rglob("*.json"))
    for file in found:
        json.loads(file.read_text())
    return len(found)
