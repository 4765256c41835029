"""Overloads `edgefuse serve`, attacks it, kills it under load, and sends it thousands of mixed requests.

scripts/test_serve_faults.sh runs it. `--quick` is the short form of scripts/test_serve.sh.
"""

from __future__ import annotations

import argparse
import datetime
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgefuse_tools import ROOT
from edgefuse_tools.bench import machine, store
from edgefuse_tools.bench.serving import report
from edgefuse_tools.processor import CPUINFO, processor_class
from edgefuse_tools.serve_clients.faults import connections, overload
from edgefuse_tools.serve_clients.faults.attack import attack
from edgefuse_tools.serve_clients.faults.kills import kills
from edgefuse_tools.serve_clients.faults.soak import soak
from edgefuse_tools.serve_clients.schemathesis_checks import check_description
from edgefuse_tools.serve_clients.server import Server

REAL, MADE = "configs/cpu.yaml", "tests/fixtures/tiny/device.yaml"
"""Device files: the real models, and small ones with seeded weights."""
RESULTS = ROOT / "docs/benchmarks"
Check = Callable[[argparse.Namespace], dict[str, Any]]


def main() -> None:
    """Runs the checks; the first one that fails ends the program."""
    options = _arguments()
    results: dict[str, Any] = {}
    for name, check in CHECKS.items():
        # scripts/test_serve.sh runs Schemathesis on the real models.
        if name not in (options.only or CHECKS) or (options.quick and not options.only and name == SCHEMATHESIS):
            continue
        started = time.monotonic()
        results[name] = check(options)
        print(f"{name:24} ok, {time.monotonic() - started:.0f} s: {results[name]['result']}", flush=True)
    if options.record:
        _record(results)


def _served(config: str, *, runtime: str = "", http: str = "") -> Callable[[argparse.Namespace], Server]:
    return lambda options: Server(options.binary, config, runtime=runtime, http=http)


def _on(server: Callable[[argparse.Namespace], Server], check: Callable[[Server, argparse.Namespace], Any]) -> Check:
    """A check of a server that is started for it, and that stops as it should."""

    def run(options: argparse.Namespace) -> dict[str, Any]:
        with server(options) as running:
            found: dict[str, Any] = check(running, options)
            code, said = running.stop()
            assert code == 0 and "panicked" not in said, (code, said[-2000:])
            return found

    return run


def _described(server: Server, options: argparse.Namespace) -> dict[str, Any]:
    found = check_description(server, options.examples, options.seed)
    return {"result": f"Schemathesis: {found} from the OpenAPI file, every answer as it describes"}


def _idle(options: argparse.Namespace) -> dict[str, Any]:
    with connections.many_files(options.idle):
        lines = f"limits: {{connections: {options.idle + connections.CONNECTIONS}, header_time: 20s}}"
        return _on(_served(MADE, http=lines), lambda server, it: connections.idle(server, it.idle))(options)


SCHEMATHESIS = "schemathesis"
CHECKS: dict[str, Check] = {
    SCHEMATHESIS: _on(_served(MADE), _described),
    "hostile requests": _on(_served(MADE), lambda server, it: attack(server, it.requests, it.seed)),
    "slow clients": _on(_served(MADE, http=connections.LIMITS), lambda server, it: connections.slow(server, it.slow)),
    "half-closed sockets": _on(_served(MADE), lambda server, it: connections.half_closed(server, it.slow)),
    "connections beyond limit": _on(
        _served(MADE, http="limits: {header_time: 10m}"), lambda server, it: connections.beyond_limit(server, it.idle)
    ),
    "idle connections": _idle,
    "kills": lambda it: kills(it.binary, REAL, it.kills, it.seed),
    "overload": _on(
        _served(REAL, runtime=overload.RUNTIME), lambda server, it: overload.overload(server, 60 * it.minutes)
    ),
    "soak": _on(_served(REAL), lambda server, it: soak(server, it.soak)),
}


def _record(results: dict[str, Any]) -> None:
    """Writes the results into docs/benchmarks/serve.json and serve.md."""
    origin = {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
        "commit": machine.commit(),
        "class": processor_class(CPUINFO.read_text(errors="replace")),
    }
    known = store.read(RESULTS / "serve.json")
    known.setdefault(report.FAULTS, {}).update({name: {**found, **origin} for name, found in results.items()})
    store.write(RESULTS / "serve.json", known)
    store.write_text(RESULTS / "serve.md", report.page(known))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", default="target/release/edgefuse")
    parser.add_argument("--quick", action="store_true", help="small numbers for everything, unless stated")
    parser.add_argument("--only", action="append", choices=list(CHECKS), help="only this check; repeat for more")
    parser.add_argument("--seed", type=int, default=20261130)
    parser.add_argument("--record", action="store_true", help="write the results into docs/benchmarks/serve.md")
    numbers: tuple[tuple[str, float, float, str], ...] = (
        ("examples", 300, 0, "random requests of Schemathesis for each operation, beside those by rule"),
        ("requests", 1_000_000, 4_000, "damaged messages"),
        ("slow", 200, 40, "slow clients, and sockets that are half-closed in each way"),
        ("idle", 10_000, 1_000, "idle connections"),
        ("kills", 200, 3, "kills under load"),
        ("minutes", 10, 0.1, "of overload"),
        ("soak", 5_000, 300, "mixed requests"),
    )
    for name, full, _, meaning in numbers:
        kind = float if name == "minutes" else int
        parser.add_argument(f"--{name}", type=kind, metavar="N", help=f"{meaning} (default: {full})")
    options = parser.parse_args()
    for name, full, quick, _ in numbers:
        if getattr(options, name) is None:
            setattr(options, name, quick if options.quick else full)
    options.binary = str(Path(options.binary).resolve())
    return options


if __name__ == "__main__":
    main()
