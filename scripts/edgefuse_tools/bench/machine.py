"""What the benchmark ran on."""

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
"""The instruction sets that engines choose their kernels by, as /proc/cpuinfo calls them."""


QUIET = 0.5
"""The load average above which the machine is busy."""


def describe(threads: int) -> dict[str, Any]:
    """The processor, the memory and the system; `load_average` of the last minute tells whether it was quiet."""
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
    """Says so where other programs take part of the cores; some engines then wait for each other for seconds."""
    if described["load_average"] > QUIET:
        print(
            f"bench: the machine is busy (load {described['load_average']}): the times are of no use", file=sys.stderr
        )


def pin(threads: int) -> None:
    """This process and all that it starts stay on the first `threads` cores that it may use."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def environment(threads: int) -> dict[str, str]:
    """The environment of every engine: the same number of threads for each library that asks for one there."""
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
    """The checkout's commit, with -dirty where files were changed."""
    told = subprocess.run(
        ["git", "describe", "--always", "--abbrev=12", "--dirty"],
        cwd=paths.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return told.stdout.strip() or "unknown"


def binary(path: Path) -> dict[str, str]:
    """The version that the program tells, and its hash."""
    told = subprocess.run([str(path), "--version"], capture_output=True, text=True, check=False)
    return {"version": told.stdout.strip(), "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def version(package: str) -> str | None:
    """The installed version of a Python package; None where it is not installed."""
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
    """When, where, of which versions figures are: ``program`` and the engines' ``packages``, on the machine ``described``."""
    ours = binary(program)
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
        "commit": commit(),
        "machine": described,
        "versions": {"edgefuse": ours["version"]} | {package: version(package) for package in dict.fromkeys(packages)},
        "binary_sha256": ours["sha256"],
    }
