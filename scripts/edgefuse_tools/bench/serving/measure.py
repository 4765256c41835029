"""The benchmark of servers: every server in turn, for one number of clients after another."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edgefuse_tools.bench import machine, paths
from edgefuse_tools.bench.errors import BenchError
from edgefuse_tools.bench.serving import load, payloads, variants
from edgefuse_tools.bench.serving.process import ServerProcess, free_port
from edgefuse_tools.bench.variants import EDGEFUSE
from edgefuse_tools.processor import CPUINFO, processor_class

CLIENTS = (1, 4, 16, 64)
WARM_UP = 3
"""Requests that are sent before the load, one after another."""


def section(
    workload: str, binary: Path, threads: int, clients: Sequence[int], seconds: float, only: Sequence[str]
) -> dict[str, Any]:
    """One workload's section of the results.

    only: servers whose names contain one of these; empty for all
    """
    if not binary.is_file():
        raise BenchError(f"{binary}: no such program; run `cargo build --release`, or pass --edgefuse")
    machine.pin(threads)
    described = machine.describe(threads) | {"class": processor_class(CPUINFO.read_text(errors="replace"))}
    machine.warn_if_busy(described)
    servers = [one for one in variants.servers(workload) if not only or any(part in one.name for part in only)]
    engines: dict[str, dict[str, Any]] = {}
    not_run: list[dict[str, str]] = []
    for count in clients:
        for server in list(servers):
            try:
                found = _measured(server, binary.absolute(), threads, count, seconds)
            except BenchError as error:
                not_run.append({"engine": server.name, "workload": workload, "why": str(error)})
                servers.remove(server)
                continue
            engines.setdefault(server.name, {})[str(count)] = found
            print(
                f"bench: serve: {workload}: {server.name}, {count} clients: {found['per_second']} requests/s, "
                f"p95 {found['p95_ms']} ms, {found['peak_bytes'] / 1e6:.0f} MB",
                file=sys.stderr,
                flush=True,
            )
    packages = [package for one in servers for package in one.packages]
    return {
        **machine.origin(binary, packages, described),
        "seconds": seconds,
        "clients": list(clients),
        "engines": engines,
        "goals": _goals(engines),
        "not_run": not_run,
    }


def _measured(server: variants.Server, binary: Path, threads: int, clients: int, seconds: float) -> dict[str, Any]:
    """Starts the server, and measures it under this number of clients."""
    messages = server.messages()
    with tempfile.TemporaryDirectory(prefix="edgefuse-bench-") as scratch:
        setting = variants.Setting(binary, threads, free_port(), Path(scratch))
        process = ServerProcess(server.command(setting), setting.port, machine.environment(threads), paths.SCRIPTS)
        with process:
            for number in range(WARM_UP):
                status, body = asyncio.run(load.exchange(setting.port, messages[number % len(messages)]))
                if status != load.OK:
                    raise BenchError(f"{server.name}: status {status}: {body[:200]!r}")
            found = asyncio.run(load.closed_loop(setting.port, messages, clients, seconds))
            return summary(found) | {"peak_bytes": process.peak_bytes()}


def summary(found: load.Load) -> dict[str, Any]:
    """The figures of a load; times in milliseconds."""
    percentiles = {
        f"p{percent}_ms": round(1000 * load.percentile(found.latencies, percent), 1) if found.latencies else None
        for percent in (50, 95, 99)
    }
    return {
        "per_second": round(found.per_second, 2),
        **percentiles,
        "answers": len(found.latencies),
        "refused": len(found.refused),
        "failed": sum(count for status, count in found.statuses.items() if status not in (load.OK, load.BUSY)),
    }


def _goals(engines: dict[str, dict[str, Any]]) -> dict[str, float]:
    """edgefuse's requests per second over those of the best peer, and its memory at the most clients over that at the
    fewest."""
    goals: dict[str, float] = {}
    ours = engines.get(EDGEFUSE, {})
    at = str(payloads.COMPARED)
    peers = [one[at]["per_second"] for name, one in engines.items() if EDGEFUSE not in name and at in one]
    if at in ours and peers and max(peers) > 0:
        goals["requests_ratio"] = round(ours[at]["per_second"] / max(peers), 2)
    counts = sorted(int(count) for count in ours)
    if len(counts) > 1:
        few, many = (ours[str(count)]["peak_bytes"] for count in (counts[0], counts[-1]))
        goals["memory_ratio"] = round(many / few, 3)
    return goals


def ceiling(clients: int, seconds: float) -> dict[str, Any]:
    """The same clients against a server that answers at once: what the clients themselves can do."""
    messages = payloads.transcriptions(variants.TRANSCRIPTIONS, {})
    port = free_port()
    command = [sys.executable, "-m", "edgefuse_tools.bench.serving.trivial_server", str(port)]
    with ServerProcess(command, port, machine.environment(1), paths.SCRIPTS):
        return summary(asyncio.run(load.closed_loop(port, messages, clients, seconds)))
