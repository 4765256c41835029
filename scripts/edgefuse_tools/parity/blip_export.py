"""Runs and measures scripts/export.py blip in a separate process."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from edgefuse_tools import ROOT

EXPORTER = ROOT / "scripts/export.py"


def run_exporter(task: str, checkpoint: Path, out: Path, dialect: str, *precisions: str) -> dict[str, Any]:
    """Exports the checkpoint of a task, in fp32 or the `precisions`; returns the seconds and memory it took.

    `own` excludes mapped files: the weights are mapped, so the kernel can reclaim their memory at any time.
    """
    command: list[str | Path] = [
        sys.executable,
        EXPORTER,
        "blip",
        f"--{task}",
        checkpoint,
        "--out",
        out,
        "--dialect",
        dialect,
    ]
    command += ["--precision", *(precisions or ("fp32",))]
    started = time.monotonic()
    process = subprocess.Popen(command)
    peak, peak_own = 0, 0
    while process.poll() is None:
        # Not the resource usage of the child, which includes the memory of this process before the exec.
        memory = _memory_of(process.pid)
        peak, peak_own = max(peak, memory.get("VmRSS", 0)), max(peak_own, memory.get("RssAnon", 0))
        time.sleep(0.01)
    if process.returncode != 0:
        raise SystemExit(f"the exporter failed with exit code {process.returncode}")
    weights = sum(path.stat().st_size for path in checkpoint.glob("*.safetensors"))
    return {
        "checkpoint_megabytes": round(weights / 1e6),
        "export_seconds": round(time.monotonic() - started, 1),
        "export_peak_megabytes": {"with_mapped_files": round(peak / 1e3), "own": round(peak_own / 1e3)},
    }


def _memory_of(pid: int) -> dict[str, int]:
    """The memory lines of /proc/PID/status, in kB; empty if the process has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    return {name: int(value.split()[0]) for name, _, value in (line.partition(":") for line in lines) if "kB" in value}
