"""Describes the machine that the benchmark runs on."""

from __future__ import annotations

import datetime
import hashlib
import importlib.metadata
import os
import platform
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from edgefuse_tools.bench import paths

FLAGS = (
    "avx avx2 fma f16c avx512f avx512bw avx512vl avx512_vnni avx512_bf16 avx512_fp16 avx_vnni amx_int8 amx_bf16 "
    "asimd asimdhp asimddp i8mm bf16 sve sve2"
).split()
"""Instruction sets by which engines choose their kernels, named as in /proc/cpuinfo."""


QUIET = 0.5
"""Load average above which the machine counts as busy."""


def describe(threads: int) -> dict[str, Any]:
    """Processor, memory and system; `load_average` of the last minute shows whether the machine was idle."""
    entries = _cpuinfo()
    known = set((entries.get("flags") or entries.get("Features") or "").split())
    return {
        "cpu": entries.get("model name") or entries.get("CPU part") or platform.processor() or "unknown",
        "architecture": platform.machine(),
        "flags": [flag for flag in FLAGS if flag in known],
        "cores": os.cpu_count(),
        "cores_used": len(os.sched_getaffinity(0)),
        "threads": threads,
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 2),
    }


def warn_if_busy(described: dict[str, Any]) -> None:
    """Warns if other programs use the cores: threads of some engines then wait for each other for seconds."""
    if described["load_average"] > QUIET:
        print(
            f"bench: the machine is busy (load {described['load_average']}): the times are unreliable", file=sys.stderr
        )


def pin(threads: int) -> None:
    """Pins this process and its children to the first `threads` of its allowed cores."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def environment(threads: int) -> dict[str, str]:
    """Environment of every engine: the same number of threads for each library that reads it from there."""
    names = "OMP_NUM_THREADS OPENBLAS_NUM_THREADS MKL_NUM_THREADS RAYON_NUM_THREADS NUMEXPR_NUM_THREADS".split()
    return {
        **os.environ,
        **dict.fromkeys(names, str(threads)),
        "PYTHONPATH": str(paths.SCRIPTS),
        "PYTHONWARNINGS": "ignore",
        "HF_HUB_OFFLINE": "1",
        "ORT_DISABLE_TELEMETRY": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }


def commit() -> str:
    """The checkout's commit, with -dirty if files were changed."""
    completed = subprocess.run(
        ["git", "describe", "--always", "--abbrev=12", "--dirty"],
        cwd=paths.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return completed.stdout.strip() or "unknown"


def binary(path: Path) -> dict[str, str]:
    """The program's version and hash."""
    completed = subprocess.run([str(path), "--version"], capture_output=True, text=True, check=False)
    return {"version": completed.stdout.strip(), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def version(package: str) -> str | None:
    """The installed version of a Python package; None if it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _cpuinfo() -> dict[str, str]:
    """The first processor's entries."""
    entries: dict[str, str] = {}
    for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
        key, _, value = line.partition(":")
        entries.setdefault(key.strip(), value.strip())
    return entries


def origin(program: Path, packages: Iterable[str], described: dict[str, Any]) -> dict[str, Any]:
    """Origin of the figures: date, machine, and versions of ``program`` and the engines' ``packages``."""
    ours = binary(program)
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
        "commit": commit(),
        "machine": described,
        "versions": {"edgefuse": ours["version"]} | {package: version(package) for package in dict.fromkeys(packages)},
        "binary_sha256": ours["sha256"],
    }
