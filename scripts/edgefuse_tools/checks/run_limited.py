"""Runs the pipeline over many records under a memory limit, and checks that it stays below.

Runs `edgefuse run` with a `memory_budget`, over a manifest that repeats a few recordings and pictures. The process runs
in a memory cgroup with the limit; if none can be created, the output says so, and only the peak is compared. The exit
code is 1 if a record failed, the process was killed, its peak resident memory exceeds the limit, or resident memory
grew by more than --growth after the first tenth of the records.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from edgefuse_tools import ROOT
from edgefuse_tools.checks.memory_limit import Limited, limited

MIB = 1 << 20
SECONDS_BETWEEN_LOOKS = 0.05


@dataclass
class Watched:
    """A process as observed from outside."""

    code: int = 0
    peak: int = 0
    """Peak resident memory in bytes: as logged by the program, which resets the kernel's high-water mark for each
    model, or as observed."""
    residents: list[tuple[int, int]] = field(default_factory=list)
    """Records done and resident memory in bytes, over time."""


def main() -> int:
    """Runs the command, prints the report, and returns 1 if a check failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="device file to extend")
    parser.add_argument("--limit-mib", type=int, required=True, help="limit of the cgroup")
    parser.add_argument("--budget-mib", type=int, help="the device file's memory_budget [default: the limit less 8 %%]")
    parser.add_argument("--records", type=int, default=20)
    parser.add_argument(
        "--growth", type=float, help="maximum growth of resident memory after the first tenth, such as 0.02"
    )
    parser.add_argument("--keys", default="", help="additional lines for the device file")
    parser.add_argument("--text-only", action="store_true", help="records without sound, which are faster")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))
    limit = options.limit_mib * MIB
    budget = options.budget_mib or int(options.limit_mib * 0.92)

    with tempfile.TemporaryDirectory() as name, limited(limit) as place:
        print(f"limited by {place.how}", file=sys.stderr)
        started = time.monotonic()
        folder = Path(name)
        manifest = _manifest(folder, options.records, options.text_only)
        device = folder / "limited.yaml"
        device.write_text(
            f"device: limited\nextends: {options.config.resolve()}\n"
            f"runtime: {{memory_budget: {budget}MiB, library: {_library()}}}\n{options.keys}\n"
        )
        results = folder / "results.jsonl"
        command = [str(ROOT / "target/release/edgefuse"), "--verbose", "--config", str(device)]
        command += ["run", str(manifest), "--output", str(results)]
        watched = _watch(place, [*place.prefix, *command], results, folder)
        counted = place.counted()
        done = _lines(results)
        seconds = time.monotonic() - started
    failed = [line["id"] for line in done if _failed(line)]
    growth = _growth(watched.residents, options.records // 10)
    report = {
        "limit_bytes": limit,
        "limited_by": place.how,
        "budget_bytes": budget * MIB,
        "peak_resident_bytes": watched.peak,
        **counted,
        "records": len(done),
        "seconds": round(seconds, 1),
        "failed": len(failed),
        "exit_code": watched.code,
        "growth_after_first_tenth": None if growth is None else round(growth, 4),
    }
    print(json.dumps(report))
    problems = []
    if watched.code != 0:
        problems.append(f"the program exited with code {watched.code}")
    if len(done) != options.records or failed:
        problems.append(f"{len(done)} of {options.records} records, {len(failed)} failed")
    if watched.peak > limit:
        problems.append(f"peak of {watched.peak / MIB:.0f} MiB is above the limit of {options.limit_mib} MiB")
    if counted.get("oom_kills"):
        problems.append("the kernel killed it")
    if options.growth is not None and (growth is None or growth > options.growth):
        problems.append(f"resident memory grew by {growth if growth is None else f'{growth:.1%}'}")
    for problem in problems:
        print(f"FAILED: {problem}", file=sys.stderr)
    return 1 if problems else 0


def _watch(place: Limited, command: list[str], results: Path, folder: Path) -> Watched:
    """Runs the command to completion and samples its memory."""
    watched = Watched()
    partial = results.with_name(results.name + ".partial")
    log = folder / "log.txt"
    environment = os.environ | {"EDGEFUSE_CACHE": str(folder / "cache")}
    with log.open("w") as stream:
        process = subprocess.Popen(command, preexec_fn=place.enter, env=environment, cwd=ROOT, stderr=stream)
    records, offset = 0, 0
    try:
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            if partial.is_file():
                with partial.open("rb") as stream:
                    stream.seek(offset)
                    new = stream.read()
                offset += len(new)
                records += new.count(b"\n")
            if (resident := _resident(process.pid)) is not None:
                watched.residents.append((records, resident))
            time.sleep(SECONDS_BETWEEN_LOOKS)
    except BaseException:  # otherwise it would keep running, in a cgroup that is never removed
        process.kill()
        process.wait()
        raise
    process.returncode = watched.code = os.waitstatus_to_exitcode(status)
    logged = [int(line.split()[-2]) for line in log.read_text().splitlines() if "peak of resident memory" in line]
    seen = [resident for _, resident in watched.residents]
    watched.peak = max(usage.ru_maxrss * 1024, *logged, *seen, 0)
    for line in log.read_text().splitlines():
        if not line.startswith("debug: "):
            print(line, file=sys.stderr)
    return watched


def _growth(residents: list[tuple[int, int]], after: int) -> float | None:
    """Relative growth of the largest resident memory, from soon after the first tenth to the last tenth of the
    samples."""
    settled = [resident for records, resident in residents if records >= max(after, 1)]
    if len(settled) < 20:
        return None
    part = len(settled) // 10
    return max(settled[-part:]) / max(settled[:part]) - 1


def _resident(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return None


def _manifest(folder: Path, records: int, text_only: bool) -> Path:
    data = ROOT / "tests/data"
    sounds = itertools.cycle(sorted(data.glob("question-*.wav")) + sorted(data.glob("cards-*.wav")))
    pictures = itertools.cycle(sorted(data.glob("easyvqa-*.png")))
    manifest = folder / "records.jsonl"
    with manifest.open("w") as stream:
        for number in range(records):
            record = {"id": f"r{number}", "image": str(next(pictures))}
            if text_only:
                record["text"] = ("what color is the shape?", "is there a circle?", "what shape is in it?")[number % 3]
            else:
                record["audio"] = str(next(sounds))
            stream.write(json.dumps(record) + "\n")
    return manifest


def _library() -> Path:
    return Path(os.environ.get("ORT_DYLIB_PATH") or ROOT / "lib/libonnxruntime.so").resolve()


def _lines(results: Path) -> list[dict[str, object]]:
    file = results if results.is_file() else results.with_name(results.name + ".partial")
    return [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []


def _failed(line: dict[str, object]) -> bool:
    return "error" in line or any(isinstance(step, dict) and "error" in step for step in line.values())
