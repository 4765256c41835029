"""Results of the servers as Markdown: docs/benchmarks/serve.md."""

from __future__ import annotations

from typing import Any

from edgefuse_tools.bench.machine import QUIET
from edgefuse_tools.bench.page import machine_line
from edgefuse_tools.bench.serving.payloads import CLIPS, COMPARED, PICTURES

HEADER = ["server", "clients", "requests/s", "p50", "p95", "p99", "memory", "refused"]
TITLES = {CLIPS: "Clips of 3 s, tiny.en", PICTURES: "Captions, BLIP base"}
EMPTY = "No figures yet: run `scripts/bench.py serve` on a machine that does nothing else."
FAULTS = "faults"
"""Key of what scripts/test_serve_faults.sh measured."""


def table(section: dict[str, Any]) -> str:
    """One row per number of clients and server."""
    lines = [HEADER, ["---", *["---:"] * (len(HEADER) - 1)]]
    for clients in section["clients"]:
        for name, measured in section["engines"].items():
            found = measured.get(str(clients))
            if found is not None:
                times = [_ms(found[f"p{percent}_ms"]) for percent in (50, 95, 99)]
                memory = f"{found['peak_bytes'] / 1e6:.0f} MB"
                row = [name, clients, f"{found['per_second']:.1f}", *times, memory, found["refused"]]
                lines.append([str(cell) for cell in row])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f} ms"


def goals(section: dict[str, Any]) -> str:
    """What the figures mean for the goals."""
    found, sentences = section["goals"], []
    if "requests_ratio" in found:
        ratio = found["requests_ratio"]
        sentences.append(
            f"At {COMPARED} clients edgefuse answers {ratio:.1f} times the requests of the best peer that ran."
        )
    if "memory_ratio" in found:
        few, many = min(section["clients"]), max(section["clients"])
        sentences.append(f"Its memory at {many} clients is {found['memory_ratio']:.2f} times that at {few}.")
    return " ".join(sentences)


def page(results: dict[str, Any]) -> str:
    """docs/benchmarks/serve.md."""
    parts = ["# The service under load", "", _PREAMBLE]
    parts += [] if results["models"] else [EMPTY, ""]
    for workload, section in results["models"].items():
        parts += [f"## {TITLES[workload]}", "", table(section), "", goals(section), "", _origin(section), ""]
        if section["not_run"]:
            parts += ["Not run:", "", *(f"- {note['engine']}: {note['why']}" for note in section["not_run"]), ""]
    parts += _faults(results.get(FAULTS, {}))
    return "\n".join(parts).rstrip() + "\n"


def _origin(section: dict[str, Any]) -> str:
    own, load = section["client_ceiling"]["per_second"], section["machine"]["load_average"]
    busy = (
        f" Other programs used the machine (load average {load}): only ratios mean something." if load > QUIET else ""
    )
    return (
        f"{machine_line(section)} Processor class: {section['machine']['class']}. Against a server that answers at once, "
        f"the clients make {own:.0f} requests/s.{busy}"
    )


def _faults(faults: dict[str, Any]) -> list[str]:
    """One line for each check of scripts/test_serve_faults.sh."""
    if not faults:
        return []
    lines = ["| check | result |", "| --- | --- |", *(f"| {name} | {it['result']} |" for name, it in faults.items())]
    origins = sorted({f"{it['date']}, commit {it['commit']}, {it['class']}" for it in faults.values()})
    return ["## Overload, attack, kills and a soak", "", _FAULTS, *lines, "", f"Measured: {'; '.join(origins)}."]


_PREAMBLE = """\
Written by `python scripts/bench.py serve`; every figure is in [serve.json](serve.json). Each client sends its next request
when it has the answer to the last one, with a new connection for every request. Each figure is of a server that was started for
it and had answered three requests; counting begins when every client has had an answer. All servers use the same weights
and number of threads, and take turns; clients and servers share the cores. Decoding is greedy with each server's own temperature
fallback, in English, without voice activity detection.

- **edgefuse**: as `configs/cpu.yaml` has it, with `runtime.requests: {at_once: 2, waiting: 64}`. **auto context**:
  with `encoder_context=auto`.
- **whisper.cpp**: its own server (`examples/server`) in version 1.9.1, built on this machine.
- **faster-whisper**: behind the shortest FastAPI server
  (`scripts/edgefuse_tools/bench/serving/faster_whisper_server.py`). speaches, which also runs faster-whisper, is not in PyPI.
- **memory**: the peak of the server's processes; for faster-whisper it includes the Python interpreter.
- Pictures are captioned by a BLIP base with random weights, which writes 20 tokens.
"""

_FAULTS = """\
Written by `scripts/test_serve_faults.sh`, with the models of `tests/fixtures/tiny`; kills, overload and soak with the real ones.
"""
