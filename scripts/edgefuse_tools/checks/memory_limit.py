"""Limits the memory of a process: with a cgroup, or with a scope of systemd."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Limited:
    """How the limit is enforced."""

    how: str
    """Description of the mechanism."""
    prefix: Sequence[str] = ()
    """Put before the command."""
    group: Path | None = None
    """The cgroup, for its counters."""

    def enter(self) -> None:
        """Called in the child before it executes the command."""
        if self.group is not None:
            (self.group / "cgroup.procs").write_text(str(os.getpid()))

    def counted(self) -> dict[str, int]:
        """Counters of the cgroup: the peak, page cache included, and the processes it killed."""
        counts: dict[str, int] = {}
        if self.group is None:
            return counts
        for name in ("memory.max_usage_in_bytes", "memory.peak"):
            if (file := self.group / name).is_file():
                counts["cgroup_peak_bytes"] = int(file.read_text())
        for name in ("memory.oom_control", "memory.events"):
            if (file := self.group / name).is_file():
                fields = dict(line.split() for line in file.read_text().splitlines())
                counts["oom_kills"] = int(fields.get("oom_kill", 0))
        return counts


@contextmanager
def limited(limit: int) -> Iterator[Limited]:
    """The strictest available mechanism for a limit of `limit` bytes."""
    group = _own_group()
    why = "the memory cgroup of this process is not visible"
    if group is not None:
        child = group / f"edgefuse-{os.getpid()}"
        try:
            child.mkdir()
            _set_limit(child, limit)
        except OSError as error:
            why = str(error)
            if child.is_dir():
                child.rmdir()
        else:
            try:
                yield Limited(f"memory cgroup {child.relative_to(CGROUPS)}", group=child)
            finally:
                child.rmdir()
            return
    if _systemd():
        scope = ["systemd-run", "--scope", "--quiet", "-p", f"MemoryMax={limit}", "-p", "MemorySwapMax=0", "--"]
        yield Limited("systemd-run -p MemoryMax", prefix=scope)
        return
    yield Limited(f"nothing: cannot create a memory cgroup ({why}) or a systemd scope here; only the peak is checked")


def _own_group() -> Path | None:
    """The memory cgroup of this process, version 1 or 2."""
    lines = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    for _, controllers, path in lines:
        if "memory" in controllers.split(","):
            return CGROUPS / "memory" / path.lstrip("/")
    for number, _, path in lines:
        if number == "0" and (CGROUPS / "cgroup.controllers").is_file():
            return CGROUPS / path.lstrip("/")
    return None


def _set_limit(group: Path, limit: int) -> None:
    if (group / "memory.limit_in_bytes").is_file():
        (group / "memory.limit_in_bytes").write_text(str(limit))
        if (group / "memory.swappiness").is_file():
            (group / "memory.swappiness").write_text("0")
    else:
        (group / "memory.max").write_text(str(limit))
        if (group / "memory.swap.max").is_file():
            (group / "memory.swap.max").write_text("0")


def _systemd() -> bool:
    if shutil.which("systemd-run") is None:
        return False
    trial = subprocess.run(
        ["systemd-run", "--scope", "--quiet", "-p", "MemoryMax=64M", "--", "true"], capture_output=True, check=False
    )
    return trial.returncode == 0
